"""What schemathesis does not ask: a segment that ends before the next request would be missed in it."""

import schemathesis

LEAST_TTL = 3600
LONGEST_WAIT = 0.01


@schemathesis.hook
def map_body(context, body):
    """Lets every segment outlive the run; what is no number of seconds stays what it is."""
    if isinstance(body, dict):
        ttl = body.get("ttl")
        if isinstance(ttl, (int, float)) and not isinstance(ttl, bool) and 0 < ttl < LEAST_TTL:
            return {**body, "ttl": LEAST_TTL + ttl}
    return body


@schemathesis.hook
def map_query(context, query):
    """Waits for no change: nobody makes any meanwhile."""
    if isinstance(query, dict):
        wait = query.get("wait")
        if isinstance(wait, (int, float)) and not isinstance(wait, bool) and wait > LONGEST_WAIT:
            return {**query, "wait": LONGEST_WAIT}
    return query
