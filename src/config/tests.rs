//! The table against the shipped file, and the grammar of every kind of value.

use std::fmt::Write as _;
use std::time::Duration;

use super::*;

const SHIPPED: &str = include_str!("../../config/linnet.toml");

const HEAD: &str = "\
# Linnet's settings. Each stands here with its default, commented out: take the # away to set it.
#
# The same setting may come from several places; the strongest counts: flag, then environment, then this file, then
# the default. The variable of a setting is LINNET_ and its name in upper case (LINNET_WORKERS); the flag is --set
# name=value, and a few have their own. `linnet check` checks this file, `linnet check --print` shows what counts and
# where it is from.
#
#   reload    when a changed value takes effect: live (a reload applies it at once), next worker (a reload applies it
#             to the workers that it starts in place of the old ones), restart (a reload that changes it is refused)
";

/// What `config/linnet.toml` must be: all of the table, and nothing else.
fn shipped_by_the_table() -> String {
    let mut file = HEAD.to_owned();
    let mut group = "";
    for setting in SETTINGS {
        if setting.group != group {
            group = setting.group;
            write!(file, "\n\n### {group}\n").unwrap();
        }
        let mut also: Vec<&str> = setting.flag.into_iter().collect();
        also.extend(setting.platform);
        write!(file, "\n# {}\n", setting.help.replace('\n', "\n# ")).unwrap();
        writeln!(file, "#   allowed   {}\n#   unit      {}", setting.allowed(), setting.unit).unwrap();
        writeln!(file, "#   reload    {}", setting.mark.name()).unwrap();
        if !also.is_empty() {
            writeln!(file, "#   also      {}", also.join(", ")).unwrap();
        }
        writeln!(file, "#{} = {}", setting.key, setting.default).unwrap();
    }
    file
}

/// `LINNET_BLESS=1 cargo test -p linnet shipped` writes the file from the table.
#[test]
fn the_shipped_file_is_what_the_table_says() {
    let expected = shipped_by_the_table();
    if std::env::var_os("LINNET_BLESS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/linnet.toml");
        return std::fs::write(path, expected).unwrap();
    }
    for (i, (shipped, expected)) in SHIPPED.lines().zip(expected.lines()).enumerate() {
        assert_eq!(shipped, expected, "config/linnet.toml:{}", i + 1);
    }
    assert_eq!(SHIPPED, expected);
    assert!(SHIPPED.lines().all(|line| line.chars().count() <= 130), "too wide to read");
}

fn file(text: &str) -> Inputs {
    Inputs {
        file: Some(ConfigFile { name: "linnet.toml".into(), text: text.into() }),
        cpus: 3,
        ..Inputs::default()
    }
}

#[test]
fn the_shipped_file_means_the_defaults_commented_out_or_in() {
    let commented = resolve(&file(SHIPPED)).unwrap();
    assert_eq!(commented.settings, Settings::defaults(3));
    assert!(SETTINGS.iter().all(|s| *commented.source(s.key) == Source::Default));

    let active = SHIPPED
        .lines()
        .map(|line| {
            line.strip_prefix('#').filter(|rest| rest.starts_with(char::is_alphabetic)).unwrap_or(line)
        })
        .collect::<Vec<_>>()
        .join("\n");
    let active = resolve(&file(&active)).unwrap();
    assert_eq!(active.settings, Settings::defaults(3));
    assert!(SETTINGS.iter().all(|s| matches!(active.source(s.key), Source::File { .. })));
}

#[test]
fn defaults_are_the_documented_ones() {
    let settings = Settings::defaults(3);
    let expected = Settings {
        bind: vec![BindAddress::Tcp("127.0.0.1:8000".parse().unwrap())],
        listen: Listen::PerWorker,
        cpu_affinity: CpuAffinity::None,
        backlog: 2048,
        workers: 3,
        max_workers: 6,
        model: "artifacts/tagifai/1".into(),
        drain_delay: Duration::from_secs(5),
        graceful_timeout: Duration::from_secs(20),
        keepalive_min: Duration::from_secs(10),
        boot_timeout: Duration::from_secs(30),
        timeout: Duration::from_secs(30),
        max_requests: 0,
        max_requests_jitter: 0,
        max_age: Duration::ZERO,
        max_rss: 0,
        forwarded_allow_ips: TrustedPeers::These(vec![[127, 0, 0, 1].into()]),
        limits: Limits::default(),
        connections: ConnectionLimits {
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_mins(1),
            keepalive: Duration::from_secs(75),
            requests: 0,
            age: Duration::ZERO,
            connections: 1_000,
            in_flight: 0,
        },
        metrics_bind: None,
        docs: true,
        title: "TagIfAI - Made With ML".to_owned(),
        description: "Classify machine learning projects.".to_owned(),
        control_socket: ControlSocket::Auto,
        pidfile: String::new(),
        user: String::new(),
        group: String::new(),
        umask: String::new(),
        proc_name: "linnet".to_owned(),
        errorlog: String::new(),
        log_format: LogFormat::Text,
        loglevel: LogLevel::Info,
        accesslog: AccessLogTarget::Off,
        access_log_format: AccessLogFormat::parse(access_log::COMBINED).unwrap(),
        chdir: ".".into(),
    };
    assert_eq!(settings, expected);
    assert_eq!(Settings::defaults(1).max_workers, 3, "workers + 2 where that is more");
    assert_eq!(Settings::defaults(0).workers, 1, "never less than 1");
    assert_eq!(Settings::defaults(100_000).workers, 1024, "auto stays in the range");
}

#[test]
fn names_and_variables_are_unambiguous() {
    let mut names: Vec<_> = SETTINGS.iter().map(Setting::variable).collect();
    names.extend(SETTINGS.iter().filter_map(|s| s.platform).map(str::to_owned));
    names.extend(SETTINGS.iter().filter_map(|s| s.flag).map(str::to_owned));
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}

/// A setting, values in TOML with what they are printed as, and values that are refused.
type Values = (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str]);

const VALUES: &[Values] = &[
    (
        "workers",
        &[("1", "1"), ("\"4\"", "4"), ("1024", "1024"), ("\"auto\"", "3"), ("\" AUTO \"", "3")],
        &["0", "1025", "-1", "2.0", "true", "\"+4\"", "\"\"", "99999999999999999999", "[1]", "{ a = 1 }"],
    ),
    ("max_workers", &[("3", "3"), ("\"auto\"", "6")], &["0", "4097"]),
    (
        "listen",
        &[("\"shared\"", "\"shared\""), ("\"Per_Worker\"", "\"per_worker\"")],
        &["\"\"", "\"slot\"", "true", "1"],
    ),
    ("cpu_affinity", &[("\"auto\"", "\"auto\""), ("\"none\"", "\"none\"")], &["\"all\"", "0", "[0]"]),
    ("backlog", &[("1", "1"), ("0x400", "1024"), ("65_535", "65535")], &["0", "65536", "\"auto\""]),
    (
        "bind",
        &[
            ("\":80\"", "\"0.0.0.0:80\""),
            ("\"10.0.0.1\"", "\"10.0.0.1:8000\""),
            ("\"localhost:0\"", "\"127.0.0.1:0\""),
            ("\"[::1]:8000\"", "\"[::1]:8000\""),
            ("\"[::]\"", "\"[::]:8000\""),
            ("\"unix:/run/linnet.sock\"", "\"unix:/run/linnet.sock\""),
            ("\"unix:a:b\"", "\"unix:a:b\""),
            ("\"127.0.0.1:1, [::1]:1\"", "[\"127.0.0.1:1\", \"[::1]:1\"]"),
            ("[\":1\", \"unix:x\"]", "[\"0.0.0.0:1\", \"unix:x\"]"),
            ("[\":0\", \":0\"]", "[\"0.0.0.0:0\", \"0.0.0.0:0\"]"),
        ],
        &[
            "[\":1\", \"0.0.0.0:1\"]",
            "[]",
            "[1]",
            "8000",
            "\"8000\"",
            "\"\"",
            "\":\"",
            "\":65536\"",
            "\":+80\"",
            "\"127.0.0.1:\"",
            "\"::1\"",
            "\"[127.0.0.1]:1\"",
            "\"example.com:80\"",
            "\"unix:\"",
        ],
    ),
    ("model", &[("\"a/b\"", "\"a/b\""), ("'a\\\"b'", "\"a\\\\\\\"b\"")], &["\"\"", "\"a\\u0000\"", "1"]),
    (
        "drain_delay",
        &[
            ("0", "0"),
            ("3600", "3600"),
            ("0.25", "0.25"),
            ("\"500ms\"", "0.5"),
            ("\"5 s\"", "5"),
            ("\"1.5m\"", "90"),
            ("\"1h\"", "3600"),
            ("\"7\"", "7"),
        ],
        &["3600.001", "-1", "-0.5", "nan", "inf", "\"inf\"", "\"1e3\"", "\"5 days\"", "\"s\"", "\"1.2.3\""],
    ),
    ("boot_timeout", &[("1", "1")], &["0", "\"999ms\""]),
    (
        "limit_request_body",
        &[
            ("1", "1"),
            ("1_048_576", "\"1 MiB\""),
            ("\"16 MiB\"", "\"16 MiB\""),
            ("\"1GiB\"", "\"1 GiB\""),
            ("\"1536 KiB\"", "\"1536 KiB\""),
            ("\"2 MB\"", "2000000"),
            ("\"10 B\"", "10"),
            ("\"10\"", "10"),
        ],
        &["0", "\"2 GiB\"", "\"16 mib\"", "\"1.5 MiB\"", "\"99999999999999 GiB\"", "1.0", "\"MiB\""],
    ),
    ("pidfile", &[("\"\"", "\"\""), ("\"/run/a.pid\"", "\"/run/a.pid\"")], &["1", "\"a\\u0000\""]),
    ("user", &[("\"linnet\"", "\"linnet\""), ("\"65534\"", "\"65534\"")], &["65534"]),
    ("umask", &[("\"027\"", "\"027\""), ("\"\"", "\"\"")], &["\"8\"", "\"1000\"", "\"-1\"", "27"]),
    ("proc_name", &[("\"texts\"", "\"texts\"")], &["\"\"", "\"elevenchars\"", "\"a b\""]),
    (
        "metrics_bind",
        &[("\"\"", "\"\""), ("\":9100\"", "\"0.0.0.0:9100\""), ("\"unix:m\"", "\"unix:m\"")],
        &["9100", "[]", "\"unix:\"", "\":1,:2\""],
    ),
    (
        "control_socket",
        &[("\"AUTO\"", "\"auto\""), ("\"\"", "\"\""), ("\"off\"", "\"\""), ("\"/a b\"", "\"/a b\"")],
        &["true", "[]", "\"a\\u0000\""],
    ),
    ("errorlog", &[("\"-\"", "\"\""), ("\"a.log\"", "\"a.log\"")], &["2", "\"a\\u0000\""]),
    ("log_format", &[("\"JSON\"", "\"json\"")], &["\"xml\"", "\"\"", "true"]),
    (
        "accesslog",
        &[("\"\"", "\"\""), ("\"-\"", "\"-\""), ("\"a.log\"", "\"a.log\"")],
        &["true", "\"a\\u0000\""],
    ),
    (
        "access_log_format",
        &[("\"json\"", "\"json\""), ("'\"%(r)s\" %%'", r#""\"%(r)s\" %%""#)],
        &["\"%(x)s\"", "\"%\"", "\"\"", "1", "[]"],
    ),
    (
        "docs",
        &[("true", "true"), ("false", "false"), ("\"False\"", "false")],
        &["1", "\"\"", "\"off\"", "[true]"],
    ),
    (
        "title",
        &[("\"\"", "\"\""), ("\"a \\\"b\\\" é\\nc\"", "\"a \\\"b\\\" é\\u000Ac\"")],
        &["true", "1", "[]"],
    ),
    (
        "loglevel",
        &[("\"debug\"", "\"debug\""), ("\"WARNING\"", "\"warning\""), ("\"critical\"", "\"critical\"")],
        &["\"warn\"", "1"],
    ),
];

#[test]
fn values_are_read_as_documented() {
    for (key, allowed, refused) in VALUES {
        let setting = SETTINGS.iter().find(|s| s.key == *key).unwrap();
        for (value, printed) in *allowed {
            let effective = resolve(&file(&format!("{key} = {value}"))).unwrap();
            assert_eq!(setting.show(&effective.settings), *printed, "{key} = {value}");
        }
        for value in *refused {
            let problem = resolve(&file(&format!("{key} = {value}"))).unwrap_err().to_string();
            let expected = format!("linnet.toml:1: {key} = {value}: expected {}", setting.allowed());
            // Some name the part that is wrong behind this.
            assert!(problem.starts_with(&expected), "{problem} for {expected}");
        }
    }
}

#[test]
fn the_production_file_is_good_and_says_something() {
    let effective = resolve(&file(include_str!("../../config/production.toml"))).unwrap();
    assert!(effective.settings.changed(&Settings::defaults(3)).len() >= 3);
}

#[test]
fn what_is_printed_means_the_same_when_read_again() {
    let text = "workers = 7\nbind = [\":1\", \"unix:a\"]\ndrain_delay = 0.1\nlimit_text_bytes = 12345\nmodel = 'a\"b'";
    let first = resolve(&file(text)).unwrap();
    let again = resolve(&file(&first.print())).unwrap();
    assert_eq!(first.settings, again.settings);
    assert_ne!(first.settings, Settings::defaults(3));
}

#[test]
fn a_hostile_file_is_refused_on_lines_of_bounded_length() {
    let long = "x".repeat(10_000);
    for text in [
        format!("workers = \"{long}\""),
        format!("workers = \"\"\"a\nb\u{7}{long}\"\"\""),
        format!("\"{long}\\u001b\" = 1"),
        format!("workers = [{}", "[".repeat(100_000)),
        "workers = ".to_owned(),
        "\u{feff}workers == 1".to_owned(),
    ] {
        let problems = resolve(&file(&text)).unwrap_err().to_string();
        assert_eq!(problems.lines().count(), 1, "{problems}");
        assert!(problems.len() < 600 && !problems.contains(['\u{7}', '\u{1b}']), "{problems}");
    }
}

#[test]
fn a_reload_keeps_the_slots_that_the_start_has_bound() {
    let running = Some(resolve(&file("workers = 2")).unwrap().settings);
    let reload = |text| resolve(&Inputs { running: running.clone(), ..file(text) });
    let raised = reload("workers = 4").unwrap().settings;
    assert_eq!((raised.workers, raised.max_workers), (4, 4));
    assert_eq!(running.as_ref().unwrap().changed(&raised), [("workers", Mark::Live)]);
    let asked = reload("workers = 4\nmax_workers = 9").unwrap().settings;
    assert!(running.as_ref().unwrap().changed(&asked).contains(&("max_workers", Mark::Restart)));
    let problem = reload("workers = 5").unwrap_err().to_string();
    assert_eq!(problem, "default: max_workers = \"auto\": 4 is less than workers = 5 (linnet.toml:1)");
}

#[test]
fn changes_are_named_with_what_they_take() {
    let old = Settings::defaults(2);
    assert_eq!(old.changed(&old.clone()), []);
    let mut new = old.clone();
    new.workers = 3;
    new.limits.texts = 5;
    new.backlog = 1;
    let expected = [("workers", Mark::Live), ("backlog", Mark::Restart), ("limit_texts", Mark::NextWorker)];
    assert_eq!(old.changed(&new), expected);
    // Every field of the struct is behind some setting, so a difference anywhere is seen.
    assert_eq!(Settings::blank().changed(&old).len(), SETTINGS.len());
}
