"""The console: people work in a browser, over the endpoints that systems call.

It has no rule and no list of fields of its own: what it shows and what a person may do come through
`access.Access`, and who may sign in through `access.Persons`.
"""
