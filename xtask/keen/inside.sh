# Runs a command where the loopback is all that there is of a network, and
# where the names of the file HOSTS are known. It must be started in network
# and mount namespaces of its own.
#
#     sh inside.sh HOSTS COMMAND...
set -eu
hosts=$1
shift
ip link set lo up
mount --bind "$hosts" /etc/hosts
exec "$@"
