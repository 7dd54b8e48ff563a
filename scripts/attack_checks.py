"""What schemathesis is told of the contract beside openapi.json."""

import schemathesis

# What no schema can say: a cursor belongs to an earlier answer, and a window runs forwards.
BEYOND_SCHEMAS = {"cursor", "start_time"}


@schemathesis.check
def valid_requests_are_accepted(ctx, response, case):
    """In place of positive_data_acceptance, which knows schemas alone."""
    if not (case.meta and case.meta.generation.mode.is_positive and response.status_code == 400):
        return
    details = response.json().get("details", [])
    fields = {detail["field"] for detail in details}
    assert fields and fields <= BEYOND_SCHEMAS, f"a valid request was refused: {response.text}"
