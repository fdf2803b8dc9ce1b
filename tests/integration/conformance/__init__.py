"""A conformance suite of the table service's REST protocol; ../conformance_test runs it."""
