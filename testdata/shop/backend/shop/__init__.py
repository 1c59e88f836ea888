"""Orders API and receipt worker of the shop."""
