"""The pages: files served to browsers, and the session that a browser holds."""
