"""The HTTP interface: sign-in, sessions, the API, health, and the shell of the web app."""
