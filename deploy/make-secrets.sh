#!/usr/bin/env bash
# Make ./secrets for docker-compose: fresh random passwords and the URLs that contain them. Keeps what is there already.
# Run it as root: the files belong to root and to group 10001, which every container is a member of, and to nobody else.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 077
mkdir -p secrets

for name in postgres_password owner_password app_password redis_password; do
  [ -s "secrets/$name" ] || openssl rand -hex 32 | tr -d '\n' > "secrets/$name"
done
printf 'postgresql://consilium_app:%s@postgres:5432/consilium' "$(cat secrets/app_password)" > secrets/database_url
printf 'postgresql://consilium_owner:%s@postgres:5432/consilium' "$(cat secrets/owner_password)" > secrets/database_owner_url
printf 'redis://:%s@redis:6379/0' "$(cat secrets/redis_password)" > secrets/broker_url

# Your hospital's certificate goes here; until then one that browsers warn about.
if [ ! -s secrets/tls_key.pem ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj "/CN=${1:-consilium.local}" \
    -addext "subjectAltName=DNS:${1:-consilium.local}" -keyout secrets/tls_key.pem -out secrets/tls_certificate.pem 2>/dev/null
  echo "Made a self-signed certificate for ${1:-consilium.local}; replace secrets/tls_certificate.pem and secrets/tls_key.pem."
fi

if [ "$(id -u)" = 0 ]; then
  chgrp -R 10001 secrets
  chmod 0750 secrets
  chmod 0440 secrets/*
else
  echo "Now run: sudo chgrp -R 10001 secrets && sudo chmod 0750 secrets && sudo chmod 0440 secrets/*" >&2
fi
