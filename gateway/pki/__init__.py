"""The gateway's own certificate authority, and the check of certificates that clients show.

::

    root (10 years, offline, encrypted)
     +-- issuing authority (3 years; several while they overlap)
          +-- server certificates  (30 days; serverAuth; renewed at start-up and by `maintain`)
          +-- client certificates  (30 days; clientAuth; one name: `organisation.system_uri`)
          +-- revocation list      (48 hours, published each hour)

Values in, values out: what touches files says so. Profile: RFC 5280.
"""
