"""The service: models answer over HTTP, for programs and for the page that comes with it.

Needs the extra `serve` (FastAPI, uvicorn, python-multipart, prometheus-client); nothing of it is imported
before `ferda.web.app.create_app` is called.
"""
