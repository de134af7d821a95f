"""Papers as PDF: set by typst in a process of its own, out of data and a template of ours."""
