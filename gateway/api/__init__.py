"""HTTP: routes, schemas, problems. `application.create_api` makes the app."""
