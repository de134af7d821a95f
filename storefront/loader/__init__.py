"""The loader: the licence check in Lua that every protected script carries."""
