//! The table of all settings: what exists, what it takes, what it means when left out.

use super::setting::{BACKLOG, CPU_AFFINITY, Kind, LISTEN, Lens, Mark, Setting, lens};
use super::value::TextKind;

const WORKERS: &str = "Workers: what an operator tunes first";
const MODEL: &str = "The model";
const LISTENERS: &str = "Addresses";
const LIMITS: &str = "Limits on one request";
const CLIENTS: &str = "Limits on connections: many, idle and slow clients";
const LIFE: &str = "Starting, stopping, reloading";
const DOCUMENTATION: &str = "The API's documentation";
const RECYCLING: &str = "Replacing workers that have served long";
const SURROUNDINGS: &str = "Logs and surroundings";

/// Largest count of requests that a setting takes: what a TOML integer holds.
const MANY: u64 = i64::MAX as u64;
/// Longest time that a setting can ask anyone to wait, in seconds: one hour.
const HOUR: u64 = 3600;
/// Largest size that a setting can allow for one request: offsets of the parser are 32 bits wide.
const GIB: u64 = 1 << 30;

/// Every setting, in the order of `config/linnet.toml`. `workers` stands before `max_workers`, whose `auto` needs it.
pub static SETTINGS: &[Setting] = &[
    Setting {
        key: "workers",
        unit: "worker processes",
        default: "\"auto\"",
        mark: Mark::Live,
        group: WORKERS,
        help: "How many workers answer requests. Each is one process with one thread.\n\
               \"auto\" is what this process may use: the processors of its affinity mask or its cgroup's CPU quota\n\
               (cgroup v1 and v2, limits of parents included), whichever is less. A quota is rounded down, since a\n\
               worker that is throttled answers late: 2.5 CPUs make 2 workers. Never less than 1.",
        flag: Some("--workers"),
        platform: Some("WEB_CONCURRENCY"),
        kind: Kind::IntegerOrAuto(1..=1024, lens!(workers as usize), |_, cpus| cpus),
    },
    Setting {
        key: "max_workers",
        unit: "worker processes",
        default: "\"auto\"",
        mark: Mark::Restart,
        group: WORKERS,
        help: "The most workers that this start can ever run: a socket is bound for each of them at the start, since\n\
               more cannot be bound once privileges are dropped. At least `workers`.\n\
               \"auto\" is 2 x workers or workers + 2, whichever is more.",
        flag: None,
        platform: None,
        kind: Kind::IntegerOrAuto(1..=4096, lens!(max_workers as usize), |s, _| {
            (2 * s.workers).max(s.workers + 2)
        }),
    },
    Setting {
        key: "cpu_affinity",
        unit: "way",
        default: "\"none\"",
        mark: Mark::NextWorker,
        group: WORKERS,
        help: "Which processors a worker may run on: \"none\" leaves it to the system; with \"auto\" the worker of slot 0 runs\n\
               on the first processor that this process may use, that of slot 1 on the second, and so on in turn.",
        flag: None,
        platform: None,
        kind: Kind::Choice(&["none", "auto"], CPU_AFFINITY),
    },
    Setting {
        key: "model",
        unit: "directory",
        default: "\"artifacts/tagifai/1\"",
        mark: Mark::NextWorker,
        group: MODEL,
        help: "The directory that holds the model's manifest.json.",
        flag: Some("--model"),
        platform: None,
        kind: Kind::Path(lens!(model)),
    },
    Setting {
        key: "bind",
        unit: "address, or list of addresses",
        default: "\"127.0.0.1:8000\"",
        mark: Mark::Restart,
        group: LISTENERS,
        help: "Where to listen. Without a host (\":8000\") it is every IPv4 address, without a port it is port 8000;\n\
               port 0 lets the system choose, and the log names the port. The variable PORT, which platforms set,\n\
               means 0.0.0.0:PORT.",
        flag: Some("--bind"),
        platform: Some("PORT"),
        kind: Kind::Addresses(lens!(bind)),
    },
    Setting {
        key: "listen",
        unit: "way",
        default: "\"per_worker\"",
        mark: Mark::Restart,
        group: LISTENERS,
        help: "How workers share a TCP address. \"per_worker\": each has a listening socket and a queue of its own, and new\n\
               connections are led to those that serve. \"shared\": all accept from one socket, whoever is free first.\n\
               Unix sockets and sockets that a service manager passes on (LISTEN_FDS) are always shared.",
        flag: None,
        platform: None,
        kind: Kind::Choice(&["per_worker", "shared"], LISTEN),
    },
    Setting {
        key: "backlog",
        unit: "connections",
        default: "2048",
        mark: Mark::Restart,
        group: LISTENERS,
        help: "How many connections may wait in each accept queue. The system cuts it to net.core.somaxconn.",
        flag: None,
        platform: None,
        kind: Kind::Integer(1..=65_535, BACKLOG),
    },
    Setting {
        key: "metrics_bind",
        unit: "address",
        default: "\"\"",
        mark: Mark::Restart,
        group: LISTENERS,
        help: "Where GET /metrics is served. Without it the addresses above serve it beside everything else; with it, only\n\
               this address does, and nothing else is served here but /health.",
        flag: None,
        platform: None,
        kind: Kind::AddressOrNone(lens!(metrics_bind)),
    },
    Setting {
        key: "forwarded_allow_ips",
        unit: "IP address, or list of addresses",
        default: "\"127.0.0.1\"",
        mark: Mark::NextWorker,
        group: LISTENERS,
        help: "Proxies whose X-Forwarded-Proto and X-Forwarded-For are believed: the scheme of the `url` in answers and of\n\
               redirects; the client in the access log. \"*\" believes every peer; an empty list believes none.",
        flag: None,
        platform: None,
        kind: Kind::Peers(lens!(forwarded_allow_ips)),
    },
    Setting {
        key: "limit_request_line",
        unit: "bytes",
        default: "4094",
        mark: Mark::NextWorker,
        group: LIMITS,
        help: "The longest request line, without its CR LF; a longer one is answered with 414.",
        flag: None,
        platform: None,
        kind: Kind::Integer(128..=65_535, lens!(limits.request_line as usize)),
    },
    Setting {
        key: "limit_request_fields",
        unit: "fields",
        default: "100",
        mark: Mark::NextWorker,
        group: LIMITS,
        help: "The most header fields in one request; more are answered with 431.",
        flag: None,
        platform: None,
        kind: Kind::Integer(1..=1_000, lens!(limits.fields as usize)),
    },
    Setting {
        key: "limit_request_field_size",
        unit: "bytes",
        default: "8190",
        mark: Mark::NextWorker,
        group: LIMITS,
        help: "The longest header field: name, value and CR LF; a longer one is answered with 431.",
        flag: None,
        platform: None,
        kind: Kind::Integer(128..=65_535, lens!(limits.field_bytes as usize)),
    },
    Setting {
        key: "limit_request_head",
        unit: "bytes",
        default: "\"64 KiB\"",
        mark: Mark::NextWorker,
        group: LIMITS,
        help: "The longest head of a request: the request line and all header fields; a longer one is answered with 431.\n\
               So much may be kept for each client that is slow in sending it.",
        flag: None,
        platform: None,
        kind: Kind::Bytes(1_024..=256 << 10, lens!(limits.head_bytes as usize)),
    },
    Setting {
        key: "limit_request_body",
        unit: "bytes",
        default: "\"16 MiB\"",
        mark: Mark::NextWorker,
        group: LIMITS,
        help: "The largest request body; a larger one is answered with 413.",
        flag: None,
        platform: None,
        kind: Kind::Bytes(1..=GIB, lens!(limits.body_bytes as usize)),
    },
    Setting {
        key: "limit_texts",
        unit: "texts",
        default: "10000",
        mark: Mark::NextWorker,
        group: LIMITS,
        help: "The most texts in one request; more are answered with 422.",
        flag: None,
        platform: None,
        kind: Kind::Integer(1..=1_000_000, lens!(limits.texts as usize)),
    },
    Setting {
        key: "limit_text_bytes",
        unit: "bytes of UTF-8",
        default: "\"1 MiB\"",
        mark: Mark::NextWorker,
        group: LIMITS,
        help: "The longest single text; a longer one is answered with 422.",
        flag: None,
        platform: None,
        kind: Kind::Bytes(1..=GIB, lens!(limits.text_bytes as usize)),
    },
    Setting {
        key: "worker_connections",
        unit: "connections",
        default: "1000",
        mark: Mark::NextWorker,
        group: CLIENTS,
        help: "The most connections of one worker. Beyond it, the connection that has been idle for longest (and at least for\n\
               keepalive_min) is closed. Where there is none, the next 64 are accepted, so that /health and /metrics are still\n\
               answered; other requests on them get 503 with Retry-After. Beyond those, clients wait in the accept queue.",
        flag: None,
        platform: None,
        kind: Kind::Integer(1..=1_000_000, lens!(connections.connections as usize)),
    },
    Setting {
        key: "limit_in_flight",
        unit: "requests",
        default: "0",
        mark: Mark::NextWorker,
        group: CLIENTS,
        help: "The most requests of one worker that are under way at once, from their head to their answer; further ones get\n\
               503 with Retry-After, but for /health and /metrics. 0: as many as there are connections.",
        flag: None,
        platform: None,
        kind: Kind::Integer(0..=1_000_000, lens!(connections.in_flight as usize)),
    },
    Setting {
        key: "keepalive",
        unit: "seconds",
        default: "75",
        mark: Mark::NextWorker,
        group: CLIENTS,
        help: "How long a connection may be idle before it is closed: longer than load balancers keep theirs (AWS: 60 s), so\n\
               that none is closed under a request. A connection that has sent nothing yet is idle, too.",
        flag: None,
        platform: None,
        kind: Kind::Seconds(1..=HOUR, lens!(connections.keepalive)),
    },
    Setting {
        key: "header_timeout",
        unit: "seconds",
        default: "10",
        mark: Mark::NextWorker,
        group: CLIENTS,
        help: "How long the head of a request may take from its first byte on; then the answer is 408.",
        flag: None,
        platform: None,
        kind: Kind::Seconds(1..=HOUR, lens!(connections.header_timeout)),
    },
    Setting {
        key: "body_timeout",
        unit: "seconds",
        default: "30",
        mark: Mark::NextWorker,
        group: CLIENTS,
        help: "How long a request body may stand still; then the answer is 408. A body that has taken longer than this in all\n\
               must also have come at 500 bytes a second or more on average.",
        flag: None,
        platform: None,
        kind: Kind::Seconds(1..=HOUR, lens!(connections.body_timeout)),
    },
    Setting {
        key: "write_timeout",
        unit: "seconds",
        default: "60",
        mark: Mark::NextWorker,
        group: CLIENTS,
        help: "How long a client may take nothing of its answer before it is cut off.",
        flag: None,
        platform: None,
        kind: Kind::Seconds(1..=HOUR, lens!(connections.write_timeout)),
    },
    Setting {
        key: "keepalive_requests",
        unit: "requests",
        default: "0",
        mark: Mark::NextWorker,
        group: CLIENTS,
        help: "How many requests a connection may bring; the last answer says that it closes. New connections spread over all\n\
               workers, so a limit evens out their load. 0 switches this off.",
        flag: None,
        platform: None,
        kind: Kind::Integer(0..=MANY, lens!(connections.requests)),
    },
    Setting {
        key: "keepalive_time",
        unit: "seconds",
        default: "0",
        mark: Mark::NextWorker,
        group: CLIENTS,
        help: "How long a connection may last: the next answer says that it closes, and an idle one is closed. 0 switches\n\
               this off.",
        flag: None,
        platform: None,
        kind: Kind::Seconds(0..=30 * 24 * HOUR, lens!(connections.age)),
    },
    Setting {
        key: "docs",
        unit: "switch",
        default: "true",
        mark: Mark::NextWorker,
        group: DOCUMENTATION,
        help: "Whether the API's documentation is served: pages to try it out (/docs, /redoc), and its description for\n\
               programs (/openapi.json). Without it all three are answered with 404.",
        flag: None,
        platform: None,
        kind: Kind::Switch(lens!(docs)),
    },
    Setting {
        key: "title",
        unit: "text",
        default: "\"TagIfAI - Made With ML\"",
        mark: Mark::NextWorker,
        group: DOCUMENTATION,
        help: "What the documentation calls the API. The default is the lesson's, as the default model is.",
        flag: None,
        platform: None,
        kind: Kind::Text(TextKind::Words, lens!(title)),
    },
    Setting {
        key: "description",
        unit: "text",
        default: "\"Classify machine learning projects.\"",
        mark: Mark::NextWorker,
        group: DOCUMENTATION,
        help: "What the documentation says of the API, in Markdown. The version beside it is the model's.",
        flag: None,
        platform: None,
        kind: Kind::Text(TextKind::Words, lens!(description)),
    },
    Setting {
        key: "boot_timeout",
        unit: "seconds",
        default: "30",
        mark: Mark::Live,
        group: LIFE,
        help: "How long a new worker may take to become ready before it counts as failed.",
        flag: None,
        platform: None,
        kind: Kind::Seconds(1..=HOUR, lens!(boot_timeout)),
    },
    Setting {
        key: "drain_delay",
        unit: "seconds",
        default: "5",
        mark: Mark::Live,
        group: LIFE,
        help: "After TERM: how long everything is still answered while /health/ready says 503, so that load balancers\n\
               look elsewhere first. With graceful_timeout it should fit what the platform waits before it kills\n\
               (Kubernetes: 30 s).",
        flag: None,
        platform: None,
        kind: Kind::Seconds(0..=HOUR, lens!(drain_delay)),
    },
    Setting {
        key: "graceful_timeout",
        unit: "seconds",
        default: "20",
        mark: Mark::Live,
        group: LIFE,
        help: "After the drain delay: how long workers may take to finish what they have begun before they are killed.",
        flag: None,
        platform: None,
        kind: Kind::Seconds(0..=HOUR, lens!(graceful_timeout)),
    },
    Setting {
        key: "keepalive_min",
        unit: "seconds",
        default: "10",
        mark: Mark::NextWorker,
        group: LIFE,
        help: "How long a worker that retires keeps idle keep-alive connections (at most graceful_timeout). Longer\n\
               than a proxy keeps a pooled connection, so that none is closed under a request: HAProxy drops after 5 s.",
        flag: None,
        platform: None,
        kind: Kind::Seconds(0..=HOUR, lens!(keepalive_min)),
    },
    Setting {
        key: "timeout",
        unit: "seconds",
        default: "30",
        mark: Mark::NextWorker,
        group: LIFE,
        help: "How long a worker's event loop may stand still before the worker is taken for stuck: the log says what it\n\
               was doing, and it is replaced. A slow client or a long request does not stop the loop. 0 switches this\n\
               off.",
        flag: None,
        platform: None,
        kind: Kind::Seconds(0..=HOUR, lens!(timeout)),
    },
    Setting {
        key: "max_requests",
        unit: "requests",
        default: "0",
        mark: Mark::NextWorker,
        group: RECYCLING,
        help: "After how many requests a worker is replaced: its successor is ready first, and one worker at a time is\n\
               replaced in the whole fleet. 0 switches this off.",
        flag: None,
        platform: None,
        kind: Kind::Integer(0..=MANY, lens!(max_requests)),
    },
    Setting {
        key: "max_requests_jitter",
        unit: "requests",
        default: "0",
        mark: Mark::NextWorker,
        group: RECYCLING,
        help: "At most so many more requests, at random for each worker, so that they do not wear out together.",
        flag: None,
        platform: None,
        kind: Kind::Integer(0..=MANY, lens!(max_requests_jitter)),
    },
    Setting {
        key: "max_age",
        unit: "seconds",
        default: "0",
        mark: Mark::NextWorker,
        group: RECYCLING,
        help: "How long a worker serves before it is replaced; up to a quarter less, at random for each worker. 0 switches\n\
               this off.",
        flag: None,
        platform: None,
        kind: Kind::Seconds(0..=30 * 24 * HOUR, lens!(max_age)),
    },
    Setting {
        key: "max_rss",
        unit: "bytes",
        default: "0",
        mark: Mark::NextWorker,
        group: RECYCLING,
        help: "How much memory of its own (RssAnon: without the model, which all workers share) a worker may use before it\n\
               is replaced. Looked at once a second. 0 switches this off.",
        flag: None,
        platform: None,
        kind: Kind::Bytes(0..=1 << 50, lens!(max_rss)),
    },
    Setting {
        key: "control_socket",
        unit: "path",
        default: "\"auto\"",
        mark: Mark::Restart,
        group: SURROUNDINGS,
        help: "Where `linnet ctl` reaches the supervisor: a Unix socket that only the owner may use (mode 0600).\n\
               \"auto\" is a file named after the first address, as in linnet/127.0.0.1:8000.sock, under /run, or under\n\
               $XDG_RUNTIME_DIR where /run cannot be written; with neither there is no control socket, and the log says\n\
               so. With port 0, the port that the system has chosen is part of the name.",
        flag: None,
        platform: None,
        kind: Kind::ControlSocket(lens!(control_socket)),
    },
    Setting {
        key: "loglevel",
        unit: "level",
        default: "\"info\"",
        mark: Mark::Live,
        group: SURROUNDINGS,
        help: "The least important messages that are logged. \"critical\" logs what \"error\" does.",
        flag: None,
        platform: None,
        kind: Kind::Level(lens!(loglevel)),
    },
    Setting {
        key: "errorlog",
        unit: "file",
        default: "\"\"",
        mark: Mark::Restart,
        group: SURROUNDINGS,
        help: "The file that the log is appended to. USR1 opens it again, after a rotation: `user` must be able to make it\n\
               then.",
        flag: None,
        platform: None,
        kind: Kind::Text(TextKind::LogFile, lens!(errorlog)),
    },
    Setting {
        key: "log_format",
        unit: "format",
        default: "\"text\"",
        mark: Mark::Restart,
        group: SURROUNDINGS,
        help: "How lines of that log are written: for people, or as one JSON object a line, with timestamp, level, message,\n\
               fields, pid and role (supervisor, worker or loader).",
        flag: None,
        platform: None,
        kind: Kind::LogFormat(lens!(log_format)),
    },
    Setting {
        key: "accesslog",
        unit: "file",
        default: "\"\"",
        mark: Mark::NextWorker,
        group: SURROUNDINGS,
        help: "The file that a line for each answer is appended to. Workers write their lines at least once a second, and\n\
               the last ones when they end. USR1 opens it again, after a rotation: `user` must be able to make it then.\n\
               Where it cannot be written, requests are answered all the same: lines wait, then are dropped and counted.",
        flag: None,
        platform: None,
        kind: Kind::AccessLog(lens!(accesslog)),
    },
    Setting {
        key: "access_log_format",
        unit: "format",
        default: r#""%(h)s %(l)s %(u)s %(t)s \"%(r)s\" %(s)s %(b)s \"%(f)s\" \"%(a)s\"""#,
        mark: Mark::NextWorker,
        group: SURROUNDINGS,
        help: "What such a line holds, in gunicorn's words. h: client, the one that X-Forwarded-For names if the peer is one\n\
               of forwarded_allow_ips ({remote_addr}e: always the peer); u: user of HTTP Basic authentication; t: time, in\n\
               UTC; r: method, target and protocol, which alone are m, {raw_uri}e and H; U: decoded path; q: query; s:\n\
               status; b, B: bytes of the answer's body; f: referer; a: user agent; T, M, D, L: duration in seconds,\n\
               milliseconds, microseconds and decimal seconds; p: process; {name}i and {name}o: a header of the request and\n\
               of the answer; {name}e: WSGI's remote_addr, remote_port, raw_uri, request_method, path_info, query_string,\n\
               server_protocol, content_type, content_length and http_NAME. In what a client sends, quotes and\n\
               backslashes get a backslash, and what is no printable ASCII is \\xNN; so is a blank where no quotes stand\n\
               around it. \"json\" writes one JSON object a line, always with the same keys.",
        flag: None,
        platform: None,
        kind: Kind::AccessLogFormat(lens!(access_log_format)),
    },
    Setting {
        key: "pidfile",
        unit: "file",
        default: "\"\"",
        mark: Mark::Restart,
        group: SURROUNDINGS,
        help: "A file for the supervisor's process id; empty for none. One that names a process that is gone is replaced,\n\
               one that names a living process stops the start. While an upgrade runs, the new supervisor's has `.2` at its\n\
               end. Removed at the end, if the directory allows that.",
        flag: None,
        platform: None,
        kind: Kind::Text(TextKind::File, lens!(pidfile)),
    },
    Setting {
        key: "user",
        unit: "user",
        default: "\"\"",
        mark: Mark::Restart,
        group: SURROUNDINGS,
        help: "The user to run as, by name or number; empty to stay who started it. Sockets and the pidfile are made first,\n\
               then the supervisor itself changes, with all groups of that user; the model is never read as anybody else.",
        flag: None,
        platform: None,
        kind: Kind::Text(TextKind::Name, lens!(user)),
    },
    Setting {
        key: "group",
        unit: "group",
        default: "\"\"",
        mark: Mark::Restart,
        group: SURROUNDINGS,
        help: "The group to run as, by name or number; empty for the first group of `user`.",
        flag: None,
        platform: None,
        kind: Kind::Text(TextKind::Name, lens!(group)),
    },
    Setting {
        key: "umask",
        unit: "permissions",
        default: "\"\"",
        mark: Mark::Restart,
        group: SURROUNDINGS,
        help: "Permissions that the files made here do not get (a Unix socket, the pidfile), in octal, such as \"027\"; empty\n\
               for what was inherited.",
        flag: None,
        platform: None,
        kind: Kind::Text(TextKind::Octal, lens!(umask)),
    },
    Setting {
        key: "proc_name",
        unit: "name",
        default: "\"linnet\"",
        mark: Mark::Restart,
        group: SURROUNDINGS,
        help: "What processes are called in `ps -o comm` and `top`: NAME for the supervisor, NAME-w3 for the worker in slot 3,\n\
               NAME-load for the loader of models.",
        flag: None,
        platform: None,
        kind: Kind::Text(TextKind::ProcessName, lens!(proc_name)),
    },
    Setting {
        key: "chdir",
        unit: "directory",
        default: "\".\"",
        mark: Mark::Restart,
        group: SURROUNDINGS,
        help: "The working directory, entered before anything else: relative paths in these settings start there.\n\
               The path after -c starts where the command was given.",
        flag: None,
        platform: None,
        kind: Kind::Path(lens!(chdir)),
    },
];
