"""Everything that runs on one machine, under one supervisor: what it is, how it starts, when it is healthy, how it stops.

`app.stack.up` is the procedure; the other files are its parts. The processes are started by command line, never imported, so the app
stays free of what the workers need.
"""
