"""Settings of tests whose inputs are generated."""

from hypothesis import HealthCheck, settings

# As many inputs as the profile says, and the same or others: `make generated` tries
# more.
MANY = settings(deadline=None, suppress_health_check=list(HealthCheck))
