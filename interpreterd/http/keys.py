"""What the application carries for whoever answers a request."""

from aiohttp import web

from interpreterd.http.settings import HttpSettings

SETTINGS = web.AppKey("SETTINGS", HttpSettings)
