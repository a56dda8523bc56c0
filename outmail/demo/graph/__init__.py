"""The practice tenant's Microsoft Graph: the requests that send mail, and nothing else of it."""
