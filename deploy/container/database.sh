#!/bin/sh
# Runs once in an empty PostgreSQL server, by the image's own start: the role and the database of
# the gateway. The server's superuser then has no password, and is reached on its socket only.
set -eu
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\getenv password POSTGRES_PASSWORD
\getenv database CASEGATE_DATABASE
\getenv superuser POSTGRES_USER
CREATE ROLE casegate LOGIN PASSWORD :'password';
CREATE DATABASE :"database" OWNER casegate TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
ALTER ROLE :"superuser" PASSWORD NULL;
SQL
