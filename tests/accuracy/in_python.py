"""in_python.py - services in Python: WSGI under gunicorn with threads or processes, and coroutines in aiohttp and uvicorn.

Coroutines share one thread, so which request a call belongs to is known to Python alone: without the helper that says so
there is no goal.
"""
from accuracy.service import PYTHON, Service

GUNICORN = ("/usr/bin/gunicorn", "--bind", "127.0.0.1:{port}", "--backlog", "1024", "--chdir", "{services}", "--log-level", "critical",
            "wsgi:application")
GEVENT = (*GUNICORN[:-1], "--worker-class", "gevent", "wsgi:application")
UVICORN = ("/usr/bin/uvicorn", "--port", "{port}", "--app-dir", "{services}", "--log-level", "critical", "asgi:application")
AIOHTTP = ("/usr/bin/python3", "{services}/aiohttp_service.py", "{port}", "{leaf}")
LEAF = {"LEAF": "{leaf}", "PYTHONDONTWRITEBYTECODE": "1"}


def service(name, model, command, goal=None, helper=None, share=1, **variables):
    return Service(name, model, command, "Python", goal, helper, variables={**LEAF, **variables}, share=share)


SERVICES = [
    service("gunicorn sync", "a process per request", (*GUNICORN, "--workers", "6"), 1),
    service("gunicorn gthread", "a pool of threads", (*GUNICORN, "--worker-class", "gthread", "--threads", "16"), 1),
    service("gunicorn gevent", "greenlets, and a pool of 16 connections", GEVENT, POOL="16"),
    service("aiohttp", "coroutines, calls at once", AIOHTTP),
    service("aiohttp", "coroutines, calls at once", AIOHTTP, 0.99, PYTHON),
    service("aiohttp, forwards", "coroutines, passing on traceparent", (*AIOHTTP, "forwarding"), 1),
    service("uvicorn, httpx", "coroutines, calls at once", UVICORN, share=0.4),
    service("uvicorn, httpx", "coroutines, calls at once", UVICORN, 0.99, PYTHON, share=0.4),
]
