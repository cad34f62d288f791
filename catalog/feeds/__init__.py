"""Feeds: files that are imported again and again, and whose products are hidden once they leave.

`running` fetches and imports them, `ownership` says which products are whose, `hiding` has the
safety stop, `turns` lets one process at a time work on a run, `reports` has what staff should know,
and `tasks` runs what is due.
"""

__all__ = ["hiding", "ownership", "reports", "running", "tasks", "turns"]
