// table
//! Every flag.

use super::{Effect, Flag, Value};
use crate::commands::Command;
use server::Config;
use server::config::{Address, Auth, Listener, Role, Route, Section, SetError, Tls};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// In the order of the help, which is the order in which they are applied.
pub(crate) const FLAGS: &[Flag] = &[
    Flag {
        long: "listen",
        short: Some('l'),
        value: Value::Many("ADDR"),
        help: "Listen there: 127.0.0.1:8080, [::1]:80, unix:PATH, or a port of loopback; repeatable",
        commands: &[
            Command::Serve,
            Command::Run,
            Command::Gateway,
            Command::Proxy,
        ],
        effect: Effect::Config(listen),
    },
    Flag {
        long: "to",
        short: None,
        value: Value::Many("URL"),
        help: "A server that is asked: http://HOST:PORT or unix:PATH; repeatable",
        commands: &[Command::Gateway],
        effect: Effect::Config(to),
    },
    Flag {
        long: "balance",
        short: None,
        value: Value::One("NAME"),
        help: "Which of several is asked, as least-connections or hash-client [default: round-robin]",
        commands: &[Command::Gateway],
        effect: Effect::Config(balance),
    },
    Flag {
        long: "outbound-timeout",
        short: None,
        value: Value::One("SECONDS"),
        help: "Bounds connecting, waiting for an answer, and silence within it, each [default: 60]",
        commands: &[Command::Gateway, Command::Proxy],
        effect: Effect::Config(outbound_timeout),
    },
    Flag {
        long: "auth-file",
        short: None,
        value: Value::One("FILE"),
        help: "Let in who has a name and password in it, as `hansom htpasswd` writes them",
        commands: &[Command::Proxy],
        effect: Effect::Config(auth_file),
    },
    Flag {
        long: "allow",
        short: None,
        value: Value::Many("PATTERN"),
        help: "Go there alone: example.com, *.example.com, .example.com, 192.0.2.0/24; repeatable",
        commands: &[Command::Proxy],
        effect: Effect::Config(|config, values| patterns(&mut config.proxy.allow, values)),
    },
    Flag {
        long: "deny",
        short: None,
        value: Value::Many("PATTERN"),
        help: "Do not go there, whatever --allow says; repeatable",
        commands: &[Command::Proxy],
        effect: Effect::Config(|config, values| patterns(&mut config.proxy.deny, values)),
    },
    Flag {
        long: "allow-port",
        short: None,
        value: Value::Many("N"),
        help: "Open tunnels to this port by CONNECT; repeatable [default: 443]",
        commands: &[Command::Proxy],
        effect: Effect::Config(allow_port),
    },
    Flag {
        long: "allow-private",
        short: None,
        value: Value::None,
        help: "Go to private, loopback and other special addresses too",
        commands: &[Command::Proxy],
        effect: Effect::Config(|config, _| {
            config.proxy.allow_private = true;
            Ok(())
        }),
    },
    Flag {
        long: "tls-self-signed",
        short: None,
        value: Value::None,
        help: "Speak TLS, with a certificate that is made at start and that browsers warn of",
        commands: &[
            Command::Serve,
            Command::Run,
            Command::Gateway,
            Command::Proxy,
        ],
        effect: Effect::Config(|config, _| {
            speak_tls(config);
            Ok(())
        }),
    },
    Flag {
        long: "tls-cert",
        short: None,
        value: Value::One("FILE"),
        help: "Speak TLS, with this certificate in PEM, those of its authorities behind it",
        commands: &[
            Command::Serve,
            Command::Run,
            Command::Gateway,
            Command::Proxy,
        ],
        effect: Effect::Config(|config, values| {
            let file = path(values)?;
            speak_tls(config).cert = Some(file);
            Ok(())
        }),
    },
    Flag {
        long: "tls-key",
        short: None,
        value: Value::One("FILE"),
        help: "The private key of --tls-cert [default: in the same file]",
        commands: &[
            Command::Serve,
            Command::Run,
            Command::Gateway,
            Command::Proxy,
        ],
        effect: Effect::Config(tls_key),
    },
    Flag {
        long: "workers",
        short: Some('w'),
        value: Value::One("N"),
        help: "Threads that serve [default: one a core]",
        commands: &[
            Command::Serve,
            Command::Run,
            Command::Gateway,
            Command::Proxy,
        ],
        effect: Effect::Config(|config, values| set(config, Section::Server, "workers", values)),
    },
    Flag {
        long: "access-log",
        short: None,
        value: Value::One("FORMAT"),
        help: "off, human, combined or json [default: human on a terminal, else json]",
        commands: &[
            Command::Serve,
            Command::Run,
            Command::Gateway,
            Command::Proxy,
        ],
        effect: Effect::Config(|config, values| set(config, Section::Log, "format", values)),
    },
    Flag {
        long: "browse",
        short: Some('b'),
        value: Value::None,
        help: "List folders that have no index file",
        commands: &[Command::Serve],
        effect: Effect::Config(|config, _| {
            config.sites.iter_mut().for_each(|site| site.browse = true);
            Ok(())
        }),
    },
    Flag {
        long: "uploads",
        short: None,
        value: Value::None,
        help: "Let PUT, DELETE and POST of forms change the folder",
        commands: &[Command::Serve],
        effect: Effect::Config(|config, _| {
            config
                .sites
                .iter_mut()
                .for_each(|site| site.settings.uploads = Some(true));
            Ok(())
        }),
    },
    Flag {
        long: "allow-trace",
        short: None,
        value: Value::None,
        help: "Answer TRACE, without credentials",
        commands: &[Command::Serve],
        effect: Effect::Config(|config, _| {
            config.server.allow_trace = true;
            Ok(())
        }),
    },
    Flag {
        long: "server-field",
        short: None,
        value: Value::One("TEXT|off"),
        help: "The value of the Server field, or none [default: hansom]",
        commands: &[Command::Serve, Command::Gateway, Command::Proxy],
        effect: Effect::Config(|config, values| {
            set(config, Section::Server, "server_field", values)
        }),
    },
    Flag {
        long: "keep-alive",
        short: None,
        value: Value::One("SECONDS"),
        help: "How long a connection may be idle; 0 closes after every response [default: 75]",
        commands: &[Command::Serve, Command::Gateway, Command::Proxy],
        effect: Effect::Config(|config, values| set(config, Section::Server, "keep_alive", values)),
    },
    Flag {
        long: "defer-accept",
        short: None,
        value: Value::None,
        help: "Let the kernel hold connections back until their first octets arrive",
        commands: &[Command::Serve, Command::Gateway, Command::Proxy],
        effect: Effect::Config(|config, _| {
            config
                .listeners
                .iter_mut()
                .for_each(|listener| listener.defer_accept = true);
            Ok(())
        }),
    },
    Flag {
        long: "limit",
        short: None,
        value: Value::Many("NAME=VALUE"),
        help: "Set a key of [limits], as head_octets_max=32KiB; repeatable",
        commands: &[
            Command::Serve,
            Command::Run,
            Command::Gateway,
            Command::Proxy,
        ],
        effect: Effect::Config(limits),
    },
    Flag {
        long: "print-config",
        short: None,
        value: Value::None,
        help: "Print the configuration as hansom.toml instead of serving",
        commands: &[
            Command::Serve,
            Command::Run,
            Command::Gateway,
            Command::Proxy,
        ],
        effect: Effect::PrintConfig,
    },
    Flag {
        long: JSON,
        short: None,
        value: Value::None,
        help: "Tell it as one JSON document on standard output",
        commands: &[Command::Check],
        effect: Effect::Asked,
    },
    Flag {
        long: EXPLAIN,
        short: None,
        value: Value::OneOrTwo("METHOD URL"),
        help: "Tell which listener, site, route and rules a request meets, and where they are said",
        commands: &[Command::Check],
        effect: Effect::Asked,
    },
];

pub(crate) const JSON: &str = "json";
pub(crate) const EXPLAIN: &str = "explain";
/// The name of the [[auth]] that --auth-file stands for.
const PROXY_AUTH: &str = "proxy";

/// All listeners speak TLS, by one certificate.
fn speak_tls(config: &mut Config) -> &mut Tls {
    for listener in &mut config.listeners {
        listener.tls = true;
    }
    config.tls = vec![Tls::default()];
    // No file names this one: what is odd about it was not told.
    config.is_of_file = false;
    &mut config.tls[0]
}

fn tls_key(config: &mut Config, values: &[&str]) -> Result<(), SetError> {
    let file = path(values)?;
    match config.tls.first_mut() {
        Some(tls) if tls.cert.is_some() => {
            tls.key = Some(file);
            Ok(())
        }
        _ => Err(SetError {
            message: "there is no certificate that this is the key of".to_owned(),
            suggestion: Some("name it with --tls-cert FILE".to_owned()),
        }),
    }
}

/// A file as an absolute path, so that it stays the same file.
fn path(values: &[&str]) -> Result<PathBuf, SetError> {
    let file = values.first().copied().unwrap_or_default();
    std::path::absolute(file).map_err(|error| SetError {
        message: format!("\"{}\": {error}", file.escape_debug()),
        suggestion: None,
    })
}

/// The route of a gateway.
fn route(config: &mut Config) -> Option<&mut Route> {
    config.sites.first_mut()?.routes.first_mut()
}

fn to(config: &mut Config, values: &[&str]) -> Result<(), SetError> {
    let here = std::env::current_dir().unwrap_or_default();
    let mut servers = Vec::new();
    for value in values {
        let server = match value.starts_with("unix:") {
            true => address(value, &here)?.to_string(),
            false => (*value).to_owned(),
        };
        server::config::server_is_named(&server).map_err(|message| SetError {
            message: format!("\"{}\": {message}", value.escape_debug()),
            suggestion: Some("for example --to http://127.0.0.1:3000".to_owned()),
        })?;
        servers.push(server);
    }
    if let Some(route) = route(config) {
        route.to = servers;
    }
    Ok(())
}

fn balance(config: &mut Config, values: &[&str]) -> Result<(), SetError> {
    let name = values.first().copied().unwrap_or_default();
    let names = server::config::balances();
    if !names.contains(&name) {
        return Err(SetError {
            message: format!(
                "\"{}\" is none of {}",
                name.escape_debug(),
                names.join(", ")
            ),
            suggestion: None,
        });
    }
    if let Some(route) = route(config) {
        route.balance = name.to_owned();
    }
    Ok(())
}

fn outbound_timeout(config: &mut Config, values: &[&str]) -> Result<(), SetError> {
    let text = values.first().copied().unwrap_or_default();
    let seconds = text
        .parse::<f64>()
        .ok()
        .filter(|seconds| (0.001..=1e6).contains(seconds));
    let Some(seconds) = seconds else {
        return Err(SetError {
            message: format!("\"{}\" is no time in seconds", text.escape_debug()),
            suggestion: Some("for example --outbound-timeout 30".to_owned()),
        });
    };
    let time = Duration::from_secs_f64(seconds);
    config.proxy.outbound_timeout = time;
    if let Some(route) = route(config) {
        route.outbound_timeout = time;
    }
    Ok(())
}

fn patterns(out: &mut Vec<String>, values: &[&str]) -> Result<(), SetError> {
    *out = (values.iter().copied())
        .map(server::config::host_pattern)
        .collect::<Result<_, _>>()?;
    Ok(())
}

fn allow_port(config: &mut Config, values: &[&str]) -> Result<(), SetError> {
    let port = |text: &&str| {
        let port = text.parse::<u16>().ok().filter(|port| *port > 0);
        port.map(u64::from).ok_or_else(|| SetError {
            message: format!("\"{}\" is no port", text.escape_debug()),
            suggestion: Some("for example --allow-port 443".to_owned()),
        })
    };
    config.proxy.allow_ports = values.iter().map(port).collect::<Result<_, _>>()?;
    Ok(())
}

/// Who may use the proxy.
fn auth_file(config: &mut Config, values: &[&str]) -> Result<(), SetError> {
    let auth = Auth {
        name: PROXY_AUTH.to_owned(),
        users: path(values)?,
        realm: "Proxy".to_owned(),
        ..Auth::default()
    };
    config.proxy.auth = Some(auth.name.clone());
    config.auth = vec![auth];
    Ok(())
}

/// Replaces all listeners.
fn listen(config: &mut Config, values: &[&str]) -> Result<(), SetError> {
    let here = std::env::current_dir().unwrap_or_default();
    let is_proxy = |listener: &Listener| listener.role == Role::Proxy;
    let role = match config.listeners.iter().all(is_proxy) {
        true => Role::Proxy,
        false => Role::Server,
    };
    config.listeners = Vec::new();
    for value in values {
        let listener = Listener {
            address: address(value, &here)?,
            role,
            ..Listener::default()
        };
        if config.listeners.contains(&listener) && !value.ends_with(":0") && *value != "0" {
            let message = format!("{} is given twice", listener.address);
            return Err(SetError {
                message,
                suggestion: None,
            });
        }
        config.listeners.push(listener);
    }
    Ok(())
}

fn address(text: &str, here: &Path) -> Result<Address, SetError> {
    let parsed = text
        .parse::<Address>()
        .and_then(|address| address.based_on(here));
    parsed.map_err(|error| SetError {
        message: format!("\"{}\": {error}", text.escape_debug()),
        suggestion: Some(error.suggestion().replace('"', "")),
    })
}

fn set(config: &mut Config, section: Section, name: &str, values: &[&str]) -> Result<(), SetError> {
    let here = std::env::current_dir().unwrap_or_default();
    values
        .iter()
        .try_for_each(|value| config.set(section, name, value, &here))
}

fn limits(config: &mut Config, values: &[&str]) -> Result<(), SetError> {
    for value in values {
        let Some((name, value)) = value.split_once('=') else {
            return Err(SetError {
                message: format!("\"{}\" is not NAME=VALUE", value.escape_debug()),
                suggestion: Some("for example --limit head_octets_max=32KiB".to_owned()),
            });
        };
        set(config, Section::Limits, name, &[value]).map_err(|error| SetError {
            message: format!("{}: {}", name.escape_debug(), error.message),
            ..error
        })?;
    }
    Ok(())
}
