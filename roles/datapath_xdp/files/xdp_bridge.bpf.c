// SPDX-License-Identifier: Apache-2.0
/*
 * An Ethernet bridge in XDP: frames go from port to port before the kernel makes an skb of them.
 *
 * Every port (the uplink, and one per guest) has xdp_bridge attached. It learns where a source address
 * lives, redirects known unicast to that port, and floods the rest to all ports but the one it came from.
 * xdp_bridge_tx runs on the way out of a port and only counts.
 *
 * XDP can hand a frame to the board's own network stack or redirect it, never both. So what the board must
 * see on the uplink to keep its address there goes to the stack alone: frames to its own MAC, to the
 * solicited-node groups of its IPv6 addresses, ARP requests for its IPv4 addresses, and link-local control
 * (01:80:c2:00:00:0x, which no bridge forwards). Any other broadcast is for the guests, not for the board.
 *
 * Plain C for kernel >= 5.14 (broadcast redirect); no CO-RE, no GPL-only helper.
 * The layouts below are read and written by plugins/module_utils/xdp/maps.py: change both or neither.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* Flooding walks every bucket of the device map, so this bounds its cost, too. */
#define MAX_PORTS 256
/* An LRU map sets aside 128 entries per CPU: too small a map would evict live stations on a large board. */
#define MAX_STATIONS 16384
#define MAX_BOARD_ADDRESSES 64
/* A busy station's time stamp is written this often at most: the cache line stays shared between CPUs. */
#define REFRESH_NS (100ULL * 1000 * 1000)

#define ARP_REQUEST 1

enum role { ROLE_UPLINK = 1, ROLE_GUEST = 2 };

struct port {
	__u32 role;
};

struct station {
	__u32 ifindex;
	__u32 reserved;
	__u64 last_seen_ns; /* CLOCK_MONOTONIC, coarse (1-10 ms) */
};

struct counters {
	__u64 rx_frames;
	__u64 rx_bytes;
	__u64 redirected; /* each received frame is counted in one of the next four */
	__u64 flooded;
	__u64 passed;
	__u64 dropped;
	__u64 tx_frames; /* handed to the port's driver: whether it found room is in the link's own tx_dropped */
	__u64 tx_bytes;
};

struct config {
	__u64 ageing_ns;
};

/* Ethernet + IPv4, the only ARP a board's address is asked for with. */
struct arp_frame {
	struct ethhdr eth;
	__be16 hardware, protocol;
	__u8 hardware_length, protocol_length;
	__be16 operation;
	__u8 sender_mac[ETH_ALEN];
	__u8 sender_ipv4[4];
	__u8 target_mac[ETH_ALEN];
	__u8 target_ipv4[4];
} __attribute__((packed));

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_PORTS);
	__type(key, __u32); /* ifindex */
	__type(value, struct port);
} ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, MAX_PORTS);
	__type(key, __u32); /* ifindex */
	__type(value, struct bpf_devmap_val);
} tx_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, MAX_PORTS);
	__type(key, __u32); /* ifindex */
	__type(value, struct counters);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_STATIONS);
	__type(key, __u64); /* MAC, then two zero bytes */
	__type(value, struct station);
} fdb SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct config);
} config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_BOARD_ADDRESSES);
	__type(key, __u64); /* MAC, then two zero bytes */
	__type(value, __u32);
} board_macs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_BOARD_ADDRESSES);
	__type(key, __u32); /* network byte order */
	__type(value, __u32);
} board_ipv4 SEC(".maps");

static __always_inline __u64 mac_key(const __u8 *mac)
{
	__u64 key = 0;

	__builtin_memcpy(&key, mac, ETH_ALEN);
	return key;
}

static __always_inline int is_group(const __u8 *mac)
{
	return mac[0] & 1;
}

/* 01:80:c2:00:00:00 to :0f (IEEE 802.1Q table 8-1): spanning tree, pause, LACP, LLDP. */
static __always_inline int is_link_local_control(const __u8 *mac)
{
	return mac[0] == 0x01 && mac[1] == 0x80 && mac[2] == 0xc2 && mac[3] == 0 && mac[4] == 0 &&
	       (mac[5] & 0xf0) == 0;
}

static __always_inline void learn(__u64 mac, __u32 ifindex, __u64 now)
{
	struct station *known = bpf_map_lookup_elem(&fdb, &mac);
	struct station found = { .ifindex = ifindex, .last_seen_ns = now };

	if (known && known->ifindex == ifindex) {
		if (now > known->last_seen_ns + REFRESH_NS)
			known->last_seen_ns = now;
		return;
	}
	bpf_map_update_elem(&fdb, &mac, &found, BPF_ANY);
}

/* The port where this station lives, or 0 if it was never seen or has been silent for too long. */
static __always_inline __u32 where_is(__u64 mac, __u64 now)
{
	struct station *known = bpf_map_lookup_elem(&fdb, &mac);
	struct config *settings;
	__u32 zero = 0;

	if (!known)
		return 0;
	settings = bpf_map_lookup_elem(&config, &zero);
	if (settings && now > known->last_seen_ns + settings->ageing_ns) {
		bpf_map_delete_elem(&fdb, &mac);
		return 0;
	}
	return known->ifindex;
}

static __always_inline int asks_for_the_board(const struct ethhdr *eth, const void *end)
{
	const struct arp_frame *arp = (const void *)eth;
	__u32 target;

	if (eth->h_proto != bpf_htons(ETH_P_ARP) || (const void *)(arp + 1) > end ||
	    arp->operation != bpf_htons(ARP_REQUEST) || arp->protocol != bpf_htons(ETH_P_IP))
		return 0;
	__builtin_memcpy(&target, arp->target_ipv4, sizeof(target));
	return bpf_map_lookup_elem(&board_ipv4, &target) != 0;
}

static __always_inline int is_for_the_board(const struct ethhdr *eth, const void *end, __u64 destination)
{
	return is_link_local_control(eth->h_dest) || bpf_map_lookup_elem(&board_macs, &destination) ||
	       asks_for_the_board(eth, end);
}

SEC("xdp")
int xdp_bridge(struct xdp_md *ctx)
{
	const void *data = (const void *)(long)ctx->data, *end = (const void *)(long)ctx->data_end;
	const struct ethhdr *eth = data;
	__u32 ingress = ctx->ingress_ifindex, egress;
	struct port *port = bpf_map_lookup_elem(&ports, &ingress);
	struct counters *count = bpf_map_lookup_elem(&counters, &ingress);
	__u64 now, source, destination;

	if (!port || !count) /* attached, not yet (or no longer) a port: leave its traffic alone */
		return XDP_PASS;
	count->rx_frames++;
	count->rx_bytes += end - data;
	if ((const void *)(eth + 1) > end)
		goto drop;
	source = mac_key(eth->h_source);
	destination = mac_key(eth->h_dest);
	if (!source || is_group(eth->h_source))
		goto drop;

	now = bpf_ktime_get_coarse_ns();
	learn(source, ingress, now);

	if (port->role == ROLE_UPLINK) {
		if (is_for_the_board(eth, end, destination)) {
			count->passed++;
			return XDP_PASS;
		}
	} else if (is_link_local_control(eth->h_dest)) {
		goto drop;
	}

	if (!is_group(eth->h_dest)) {
		egress = where_is(destination, now);
		if (egress == ingress) /* the receiver is on the side the frame came from: it has it already */
			goto drop;
		/* Fails if the port has gone since: then the station may be anywhere, as if unknown. */
		if (egress && bpf_redirect_map(&tx_ports, egress, XDP_DROP) == XDP_REDIRECT) {
			count->redirected++;
			return XDP_REDIRECT;
		}
	}
	count->flooded++;
	return bpf_redirect_map(&tx_ports, 0, BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS);

drop:
	count->dropped++;
	return XDP_DROP;
}

SEC("xdp/devmap")
int xdp_bridge_tx(struct xdp_md *ctx)
{
	const void *data = (const void *)(long)ctx->data, *end = (const void *)(long)ctx->data_end;
	__u32 egress = ctx->egress_ifindex;
	struct counters *count = bpf_map_lookup_elem(&counters, &egress);

	if (count) {
		count->tx_frames++;
		count->tx_bytes += end - data;
	}
	return XDP_PASS;
}

char _license[] SEC("license") = "Apache-2.0";
