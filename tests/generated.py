"""Settings of tests whose inputs are generated."""

from hypothesis import HealthCheck, settings

# As many inputs as the profile says: `make generated` tries more.
MANY = settings(
    deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
