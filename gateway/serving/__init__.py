"""How the gateway listens: TLS 1.3, deadlines for every client, gunicorn, and the supervisor.

What a client can hold up, and what ends it (gunicorn's gthread alone bounds only the first)::

    connected, silent      a place in the poller, no thread       cut at the deadline
    handshake, head, body  one thread, from the first byte on     cut at one deadline for all three
    reading the answer     one thread                             cut at a second deadline
    leaving the line open  one thread after the last answer       cut after LINGER
    kept alive, idle       a place in the poller, no thread       closed after KEEP_ALIVE

So a hostile client costs a thread for two deadlines at most and cannot stop the service; that it
can slow it down is for the firewall or proxy in front.
"""
