"""The loader, in real Lua against the real shop."""
