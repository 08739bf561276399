#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What `netlab deploy -t tap` does on the local lab, done by hand: two boards on a cable, a libvirtd, a bridge with a
# tap, a guest that answers, an address in it, TCP both ways. Ends with the time that it took, and leaves nothing.
# Usage: by_hand.sh IMAGE_FOLDER   (with kernel, initramfs, recipe.json)
# shellcheck disable=SC2016 # what is in single quotes is for the shell inside the board
set -eu
image=$1
here=$(mktemp -d)
began=$(date +%s%N)

board() { # board NAME: init of two namespaces' worth of a board
    unshare --fork --pid --mount --uts --net --ipc --kill-child --mount-proc tini -- sh -c '
        mount -t sysfs sysfs /sys
        mount -t tmpfs tmpfs /mnt
        for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9; do
            numbers=${node#*:}
            mknod -m 0666 "/mnt/${node%%:*}" c "${numbers%%:*}" "${numbers#*:}"
        done
        mkdir /mnt/net /mnt/pts /mnt/shm
        mknod -m 0666 /mnt/net/tun c 10 200
        ln -s pts/ptmx /mnt/ptmx
        ln -s /proc/self/fd /mnt/fd
        mount --move /mnt /dev
        mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts
        for folder in /run /etc/libvirt /var/lib/libvirt /var/log/libvirt; do mount -t tmpfs tmpfs $folder; done
        mount --bind /var/cache/netlab-testbed/libvirt /var/cache/libvirt
        mkdir -p /etc/libvirt/qemu /var/lib/libvirt/qemu /var/log/libvirt/qemu
        printf "%s\n" "stdio_handler = \"file\"" "user = \"root\"" "group = \"root\"" "security_driver = \"none\"" \
            "cgroup_controllers = []" "namespaces = []" "remember_owner = 0" >/etc/libvirt/qemu.conf
        ip link set lo up
        echo up >"$1"
        exec sleep infinity' sh "$here/$1" >/dev/null 2>&1 &
    outside=$!
    until [ -s "$here/$1" ]; do sleep 0.01; done
    init=$(cat "/proc/$outside/task/$outside/children")
    init=${init% }
}
in_board() { # in_board PID COMMAND...
    pid=$1
    shift
    nsenter -t "$pid" -a -- "$@"
}

board dut
dut=$init
board peer
peer=$init
trap 'kill -KILL "$dut" "$peer"; rm -rf "$here"' EXIT
trap "exit 1" HUP INT TERM
nsenter -t "$dut" -n ip link add eth1 type veth peer name eth1 netns "$peer"

in_board "$peer" sh -c 'ip address add 192.168.20.1/24 dev eth1 && ip link set eth1 up
    netserver -D -4 -L 192.168.20.1 -p 12865 >/dev/null 2>&1 &'
cat >"$here/guest.xml" <<XML
<domain type='qemu'><name>guest1</name><memory unit='MiB'>192</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type><kernel>$image/kernel</kernel><initrd>$image/initramfs</initrd>
<cmdline>$(sed -n 's/.*"kernel_command_line": "\([^"]*\)".*/\1/p' "$image/recipe.json")</cmdline></os>
<features><acpi/></features><on_poweroff>destroy</on_poweroff><devices>
<interface type='ethernet'><mac address='02:00:00:00:00:01'/><model type='virtio'/><target dev='tap1' managed='no'/>
<rom enabled='no'/></interface>
<channel type='unix'><source mode='bind'/><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
<serial type='pty'/><memballoon model='none'/><controller type='usb' model='none'/></devices></domain>
XML
in_board "$dut" sh -c '
    set -e
    ip link add br0 type bridge
    ip address add 192.168.20.2/24 dev br0
    ip link set br0 up
    ip link set eth1 master br0 up
    ip tuntap add tap1 mode tap
    ip link set tap1 master br0 up
    libvirtd >/run/libvirtd.log 2>&1 &
    until virsh -q connect qemu:///system >/dev/null 2>&1; do sleep 0.01; done
    agent() { virsh -q qemu-agent-command guest1 "$1"; }
    run() { # run COMMAND: in the guest, its output
        pid=$(agent "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/sh\",\"arg\":[\"-c\",\"$1\"],\"capture-output\":true}}" |
            sed "s/.*\"pid\":\([0-9]*\).*/\1/")
        until answer=$(agent "{\"execute\":\"guest-exec-status\",\"arguments\":{\"pid\":$pid}}") &&
            case $answer in *\"exited\":true*) true ;; *) false ;; esac; do sleep 0.01; done
        case $answer in *\"exitcode\":0*) ;; *) echo "$1: $answer" >&2; exit 1 ;; esac
    }
    virsh -q create "$1"
    until agent "{\"execute\":\"guest-ping\"}" >/dev/null 2>&1; do sleep 0.02; done
    run "ip link set eth0 up && ip address add 192.168.20.101/24 dev eth0 && netserver >/dev/null"
    run "netperf -4 -H 192.168.20.1 -p 12865 -t TCP_STREAM -l -131072 -P 0"
    run "netperf -4 -H 192.168.20.1 -p 12865 -t TCP_MAERTS -l -131072 -P 0"
' sh "$here/guest.xml"
in_board "$peer" netperf -4 -H 192.168.20.101 -t TCP_STREAM -l -131072 -P 0 >/dev/null
now=$(date +%s%N)
echo "seconds $(((now - began) / 1000000))e-3"
