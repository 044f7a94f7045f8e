"""The keys under which the application carries its parts."""

from aiohttp import web

from interpreterd.http.settings import HttpSettings

SETTINGS = web.AppKey("SETTINGS", HttpSettings)
