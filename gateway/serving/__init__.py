"""How the gateway listens: TLS 1.3, deadlines for every client, gunicorn, and the supervisor.

No thread ever waits for a client. The main loop of a worker waits, without blocking, for this::

    the handshake                   cut after half of the deadline
    a whole request, head and body  cut after the deadline, however much is sent
    the answer to be taken          cut after the deadline
    the client to close             closed after LINGER
    the next request                closed after KEEP_ALIVE

Of those that it waits for there are at most OF_ONE_ADDRESS of one address, half of a worker's
connections in all, and HELD_BYTES of what they sent or did not take; beyond, the longest waiting is
cut. Of one address as many are idle at most. So connections alone do not stop the service; requests
that it must answer, and handshakes that it must compute, cost what they cost.
"""
