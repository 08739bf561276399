# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Sourced by ./lab when .venv is missing or out of date: prepare LAYER (base or test) makes it right.
# Needs from ./lab: root, venv, wanted, say, die, ready.
: "${root:?}" "${venv:?}" "${wanted:?}"

# What the test suite runs itself, and the package it is in where that has another name. What boards need is
# installed by the roles, not here.
test_programs='chromium-headless-shell cpio git mcopy:mtools mkfs.vfat:dosfstools qemu-system-aarch64:qemu-system-arm shellcheck ssh:openssh-client syslinux'

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "'$*' needs root: run this as root or install sudo"
    fi
}

# step TEXT COMMAND...: one line on stderr, with the seconds it took; the command's output only if it fails.
step() {
    text=$1
    shift
    began=$(date +%s)
    if [ ! -t 2 ]; then say "$text ..."; fi
    "$@" >"$log" 2>&1 </dev/null &
    job=$!
    while kill -0 "$job" 2>/dev/null; do
        if [ -t 2 ]; then printf '\rlab: %s ... %d s' "$text" $(($(date +%s) - began)) >&2; fi
        sleep 0.2
    done
    if wait "$job"; then
        job=''
        if [ -t 2 ]; then printf '\r' >&2; fi
        say "$text: done in $(($(date +%s) - began)) s"
    else
        job=''
        if [ -t 2 ]; then printf '\n' >&2; fi
        tail -n 25 "$log" >&2
        die "$text: failed (above: the end of its output)"
    fi
}

apt_get() { # waits for another apt-get, such as the one that many machines start by themselves
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 "$@"
}

install_os_packages() {
    # Lists are fetched only when they do not know the package: a fresh machine has none.
    apt_get install -y --no-install-recommends "$@" || {
        apt_get update && apt_get install -y --no-install-recommends "$@"
    }
}

# shellcheck disable=SC2016 # dpkg's own placeholders
installed_os_packages() { dpkg-query --show --showformat '${Package}\n' | sort; }

# Notes what was brought (dependencies too), so that scripts/clean-machine can take away that and no more.
need_os_packages() {
    command -v apt-get >/dev/null || die "missing: $*; install it with this system's package manager"
    if [ "$(id -u)" -ne 0 ] && command -v sudo >/dev/null; then
        sudo -v || die "$* must be installed, and sudo refuses"
    fi
    before=$(mktemp)
    installed_os_packages >"$before"
    step "installing OS packages ($*)" install_os_packages "$@"
    as_root mkdir -p -m 0700 /var/lib/netlab-testbed
    installed_os_packages | comm -13 "$before" - |
        as_root tee -a /var/lib/netlab-testbed/os-packages >/dev/null
    rm -f "$before"
}

fits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# The distribution's Python first: what `python3` means on PATH may be somebody's shim.
choose_python() {
    for python in ${LAB_PYTHON:+"$LAB_PYTHON"} /usr/bin/python3 python3 python3.13 python3.12 python3.11; do
        if fits "$python"; then return; fi
        [ "$python" != "${LAB_PYTHON:-}" ] || die "LAB_PYTHON=$LAB_PYTHON is not a Python 3.11 or newer"
    done
    need_os_packages python3 python3-venv
    python=/usr/bin/python3
    fits "$python" || die "Python 3.11 or newer is needed; name one with LAB_PYTHON"
}

pip_install() { # EXTRAS
    # The variable makes the constraints hold for the build backend too, which pip installs apart. It is a
    # list split at blanks: the path must be relative.
    cd "$root" && PIP_CONSTRAINT=constraints.txt "$venv/bin/python" -m pip install --no-input \
        --disable-pip-version-check --progress-bar off --constraint constraints.txt --editable ".$1"
}

prepare() {
    layer=$1
    log=$(mktemp)
    job=''
    trap 'rm -f "$log"' EXIT
    trap '[ -z "$job" ] || kill "$job" 2>/dev/null; exit 130' INT TERM HUP
    exec 9>"$root/.lab.lock"
    if ! flock --nonblock 9; then
        say 'another ./lab is preparing .venv; waiting for it'
        flock 9
    fi
    if ! ready "$layer"; then
        make_venv
    fi
    if [ "$layer" = test ]; then
        for program in $test_programs; do
            command -v "${program%:*}" >/dev/null || missing="${missing:-}${missing:+ }${program#*:}"
        done
        # shellcheck disable=SC2086 # a list of words
        [ -z "${missing:-}" ] || need_os_packages $missing
    fi
    exec 9>&-
    trap - EXIT INT TERM HUP
    rm -f "$log"
}

make_venv() {
    was=''
    [ ! -f "$venv/.lab-base" ] || IFS= read -r was <"$venv/.lab-base" || :
    # Without a stamp it is the remains of a failure, and with another path a copy: neither is built upon.
    if [ "${was#* * }" != "$root" ] || ! fits "$venv/bin/python"; then
        choose_python
        if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
            need_os_packages python3-venv
        fi
        rm -rf "$venv"
        step "making .venv with $("$python" -V)" "$python" -m venv "$venv"
    fi
    rm -f "$venv"/.lab-*
    if [ "$layer" = test ]; then
        step 'installing Python packages, those for tests too' pip_install '[test]'
        printf '%s\n' "$wanted" >"$venv/.lab-test"
    else
        step 'installing Python packages' pip_install ''
    fi
    printf '%s\n' "$wanted" >"$venv/.lab-base"
}
