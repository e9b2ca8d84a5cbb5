#!/usr/bin/env bash
# Installs what the end-to-end tests need and this machine lacks; does nothing when it lacks nothing.
# On Debian as root it asks apt-get. Anywhere else it says what is missing, for you to install.
set -euo pipefail

cache=${LATCHKEY_CACHE:-$HOME/.cache/latchkey}
venv=$cache/python
# The Python services of examples/rs-server need versions of their own.
example_venv=$cache/rs-server
example_packages=$(cd "$(dirname "$0")/../../.." && pwd)/examples/rs-server/requirements.txt
schemathesis_version=4.32.5
pystac_client_version=0.9.1

have_apache() { [ -x /usr/sbin/apache2 ] || command -v apache2 >/dev/null; }
have_chromium() { [ -x "${CHROMIUM_PATH:-/usr/bin/chromium}" ]; }
have_curl() { command -v curl >/dev/null; }
have_maven() { command -v mvn >/dev/null; }

have_gdal() { command -v gdalinfo >/dev/null && command -v gdal_create >/dev/null; }

have_haproxy() { command -v haproxy >/dev/null || [ -x /usr/sbin/haproxy ]; }

have_java() { # 17 or later; in JAVA_HOME or below /usr/lib/jvm
  local home version
  for home in ${JAVA_HOME:+"$JAVA_HOME"} /usr/lib/jvm/*; do
    [ -x "$home/bin/java" ] || continue
    version=$("$home/bin/java" --version 2>/dev/null | head -1 | sed -E 's/^[^ ]+ ([0-9]+).*/\1/') || continue
    [ "${version:-0}" -ge 17 ] 2>/dev/null && return 0
  done
  return 1
}

have_nginx() { command -v nginx >/dev/null || [ -x /usr/sbin/nginx ]; }

have_postgresql() {
  local initdb
  for initdb in ${PG_BIN:+"$PG_BIN/initdb"} /usr/lib/postgresql/*/bin/initdb; do
    [ -x "$initdb" ] && return 0
  done
  command -v initdb >/dev/null
}

# A gigabyte, so only where it is asked for: see README.md.
have_qgis() { [ "${LATCHKEY_E2E_QGIS:-}" != true ] || /usr/bin/python3 -c 'import qgis.core' 2>/dev/null; }

have_redis() { command -v redis-server >/dev/null; }

have_requests() {
  local python
  for python in python3 /usr/bin/python3 "$venv/bin/python3"; do
    "$python" -c 'import requests' 2>/dev/null && return 0
  done
  return 1
}

have_wget() { command -v wget >/dev/null; }

have_schemathesis() { "$venv/bin/st" --version 2>/dev/null | grep -qF "$schemathesis_version"; }

have_pystac_client() {
  "$venv/bin/python3" -c "import pystac_client; assert pystac_client.__version__ == '$pystac_client_version'" 2>/dev/null
}

# Its last file is this one, so that a broken installation is not taken for a whole one.
have_example_services() { cmp -s "$example_packages" "$example_venv/requirements.txt"; }

list_missing() {
  local thing
  for thing in apache chromium curl gdal haproxy java maven nginx postgresql qgis redis requests wget schemathesis pystac_client example_services; do
    "have_$thing" || printf '%s\n' "$thing"
  done
}

package_of() {
  case $1 in
    apache) echo apache2-bin ;;
    chromium) echo chromium ;;
    curl) echo curl ;;
    gdal) echo gdal-bin ;;
    haproxy) echo haproxy ;;
    java) echo default-jdk-headless ;;
    maven) echo maven ;;
    nginx) echo nginx ;;
    postgresql) echo postgresql ;;
    qgis) echo python3-qgis ;;
    redis) echo redis-server ;;
    requests) echo python3-requests ;;
    wget) echo wget ;;
    schemathesis) echo python3-venv ;; # itself it is not in Debian
    pystac_client) echo python3-venv ;; # itself it is not in Debian
    example_services) echo python3-venv ;; # nor are they
  esac
}

describe() {
  case $1 in
    apache) echo "Apache's httpd (apache2)" ;;
    chromium) echo "Chromium (or set CHROMIUM_PATH)" ;;
    curl) echo "curl" ;;
    gdal) echo "GDAL's programs, 3.2 or later (gdalinfo, gdal_create)" ;;
    haproxy) echo "HAProxy" ;;
    java) echo "a JDK, 17 or later (or set JAVA_HOME)" ;;
    maven) echo "Maven (mvn), which downloads Keycloak and Tomcat" ;;
    nginx) echo "nginx" ;;
    postgresql) echo "PostgreSQL's server binaries: initdb, postgres (or set PG_BIN)" ;;
    qgis) echo "QGIS with its Python module, or an environment without LATCHKEY_E2E_QGIS" ;;
    redis) echo "Redis (redis-server)" ;;
    requests) echo "Python 3 with the package requests" ;;
    wget) echo "wget" ;;
    schemathesis) echo "Python 3.10 or later with venv, into which schemathesis is installed" ;;
    pystac_client) echo "Python 3.10 or later with venv, into which pystac-client is installed" ;;
    example_services) echo "Python 3.11 or later with venv, into which examples/rs-server/requirements.txt is installed" ;;
  esac
}

install_python_packages() { # needs no root, where Python has venv and pip
  python3 -m venv "$venv" >/dev/null 2>&1 &&
    "$venv/bin/pip" install --quiet requests "schemathesis==$schemathesis_version" "pystac-client==$pystac_client_version"
}

install_example_services() {
  rm -rf "$example_venv"
  python3 -m venv "$example_venv" >/dev/null 2>&1 &&
    "$example_venv/bin/pip" install --quiet -r "$example_packages" &&
    cp "$example_packages" "$example_venv/requirements.txt"
}

install_with_apt() { # $@ = things
  export DEBIAN_FRONTEND=noninteractive
  local thing packages=()
  for thing in "$@"; do packages+=("$(package_of "$thing")"); done
  echo "Installing: ${packages[*]}"
  apt-get update -qq
  case " $* " in *' postgresql '*) keep_postgresql_from_starting ;; esac
  # Debian's packages of Redis and nginx start them where they can; the tests run their own, on other ports.
  apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
}

# Debian's package makes a cluster and starts it on 5432. The tests run their own, so nothing shall be started.
keep_postgresql_from_starting() {
  apt-get install -y -qq --no-install-recommends postgresql-common >/dev/null
  sed -i -E 's/^#?\s*create_main_cluster\s*=.*/create_main_cluster = false/' \
    /etc/postgresql-common/createcluster.conf
}

mapfile -t missing < <(list_missing)
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  install_with_apt "${missing[@]}"
fi
if ! have_requests || ! have_schemathesis || ! have_pystac_client; then install_python_packages || true; fi
if ! have_example_services; then install_example_services || true; fi

mapfile -t missing < <(list_missing)
[ ${#missing[@]} -eq 0 ] && exit 0

{
  echo 'The end-to-end tests need what this machine lacks:'
  for thing in "${missing[@]}"; do echo "  - $(describe "$thing")"; done
  echo 'On Debian, run as root: test/e2e/support/install.sh'
} >&2
exit 1
