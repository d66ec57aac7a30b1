"""pools.py - what is given to a pool of threads while a request is answered is done for that request.

asyncio's run_in_executor goes this way too. Threads that are started otherwise are left alone: most of those live longer
than the request that happened to start them.
"""
from spanload_context.incoming import current, replace, within


def thread_pool(module):
    def make(original):
        def submit(*call, **named):
            found = current()
            if found is None or len(call) < 2:
                return original(*call, **named)
            pool, *function = call
            return original(pool, within, found, *function, **named)
        return submit
    replace(module.ThreadPoolExecutor, "submit", make)
