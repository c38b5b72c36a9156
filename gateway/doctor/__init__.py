"""What an operator should know about a gateway: each check yields findings, a plain sentence each.

A sentence says what is so and, unless all is well, what to do about it. `casegate doctor` asks on
the host; maintenance keeps the findings for who is not there (`findings.py`), so that no request
runs a check. `checks.py` has them all in their order; the French of the sentences is in
`gateway/text/health.toml`.
"""
