#!/usr/bin/env bash
# Runs once, when the cluster is made: the two roles of DESIGN section 4 and the database the owner role owns.
# The application's role may change neither the schema nor what is append-only; the migration grants it the rest.
set -euo pipefail

psql --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" \
  --set owner_password="$(cat /run/secrets/owner_password)" --set app_password="$(cat /run/secrets/app_password)" <<'SQL'
CREATE ROLE consilium_owner LOGIN NOSUPERUSER PASSWORD :'owner_password';
CREATE ROLE consilium_app LOGIN NOSUPERUSER PASSWORD :'app_password';
CREATE DATABASE consilium OWNER consilium_owner TEMPLATE template0;
REVOKE ALL ON DATABASE consilium FROM PUBLIC;
GRANT CONNECT ON DATABASE consilium TO consilium_app;
SQL
