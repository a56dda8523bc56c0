"""The recipes of docs/recipes.md, with the real programs."""
