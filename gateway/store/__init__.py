"""PostgreSQL: tables, queries, migrations."""
