"""What the application carries."""

from aiohttp import web

from interpreterd.launcher import Launcher
from interpreterd.manager import Manager
from interpreterd.settings import Settings

SETTINGS = web.AppKey("SETTINGS", Settings)
LAUNCHER = web.AppKey("LAUNCHER", Launcher)
MANAGER = web.AppKey("MANAGER", Manager)
