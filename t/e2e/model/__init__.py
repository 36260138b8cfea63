"""An independent model of what keyward has to decide, and a random journal that compares the two. See run.py.

world.py is the store, issuers.py and tokens.py who signs and what a token says, asks.py what a request brings, locations.py what nginx.conf
says (conf.py says it to nginx), principals.py who somebody is. rules.py decides at one location, route.py follows a request over all that it is
led through, and says what each backend gets: whose identity, in fields and in variables, and which credentials are still there. counts.py looks
at limits, check.py holds all that against what was seen.
"""
