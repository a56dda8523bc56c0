"""The wizard: a new or an existing profile, page by page; a file a page."""
