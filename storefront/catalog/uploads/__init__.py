"""Archives on their way to a draft: uploaded, checked by the worker, accepted or refused."""
