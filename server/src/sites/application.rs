//! Routes that programs answer which do not speak HTTP, and the files beside them.
//!
//! ```text
//!  /x.php/y, a file    ─▶ the application
//!  /x.css, GET or HEAD ─▶ the files ─▶ 404 ─▶ the front script, if there is one
//!  what is not there   ─▶ the front script, else 404
//! ```

use std::io::{self, Write};
use std::net::SocketAddr;
use std::rc::Rc;

use application::{
    Application, ApplicationConfig, Found, Place, Programs, Rule, Script, Scripts, ScriptsConfig,
    Speaker, Wanted,
};
use engine::{Answer, Exchange, OwnedExchange, Response};
use intermediary::Trust;
use net::{Address, OpenError, Wait};
use origin::{Fences, Files, error_response, method_not_allowed};
use semantics::{Method, NormalPath, Status};

use super::gateway::{own_name, words};
use super::matching::prefix;
use super::route::{Asked, SiteError};
use crate::config::{HandlerName, Route, Site};

/// What answers below a route: an application, and the files that are beside its scripts.
#[derive(Clone, Debug)]
pub(super) struct ApplicationTarget(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    application: Application,
    scripts: Scripts,
    plain: Option<Files>,
    secured: Option<Files>,
    fences: Fences,
    led_octets: usize,
}

impl ApplicationTarget {
    pub(super) fn new(
        route: &Route,
        site: &Site,
        fences: Fences,
        files: impl Fn(Vec<String>) -> Result<Option<(Files, Option<Files>)>, SiteError>,
    ) -> Result<Self, SiteError> {
        let config = scripts_config(route, site);
        let index = |is_script: bool| -> Vec<String> {
            let names = site.index.iter();
            let names = names.filter(|name| is_named(name, &config.suffixes) == is_script);
            names.cloned().collect()
        };
        let beside = index(false);
        let scripts = Scripts::new(config)
            .map_err(|error| SiteError::Files(origin::FilesError::Root(error)))?;
        let beside = match scripts.has_files() {
            true => files(beside)?,
            false => None,
        };
        let (plain, secured) = match beside {
            Some((plain, secured)) => (Some(plain), secured),
            None => (None, None),
        };
        Ok(Self(Rc::new(Inner {
            application: application(route, site)?,
            scripts,
            plain,
            secured,
            fences,
            led_octets: route.root.as_ref().map_or(0, |_| prefix(&route.path).len()),
        })))
    }

    pub(super) fn answer(&self, exchange: &mut Exchange<'_>, asked: &Asked<'_>) -> Answer {
        match exchange.head.method() {
            // What it would show to its client, the application gets only as variables.
            Method::Trace | Method::Connect => {
                return method_not_allowed(exchange.head, ALLOW).into();
            }
            _ => {}
        }
        match self.find(asked.path.octets(), Wait::CachedOnly) {
            Ok(found) => self.proceed(exchange, asked, found),
            Err(OpenError::WouldBlock) => {
                let (this, asked) = (self.clone(), asked.to_owned());
                let owned = exchange.detach();
                Answer::Later(Box::pin(async move { this.look(owned, asked).await }))
            }
            Err(_) => failed(exchange).into(),
        }
    }

    fn find(&self, path: &[u8], wait: Wait) -> Result<Found, OpenError> {
        let inner = &*self.0;
        inner
            .scripts
            .find(path, wait, |file| inner.fences.close(file))
    }

    /// The same on a thread that may wait.
    async fn look(self, mut owned: OwnedExchange, asked: Asked<'static>) -> Response {
        let (scripts, fences) = (self.0.scripts.clone(), self.0.fences.clone());
        let path = asked.path.octets().to_vec();
        let found = net::blocking_while_awaited(move || {
            scripts.find(&path, Wait::MayBlock, |file| fences.close(file))
        });
        let found = found.await;
        let answer = match found {
            Ok(Ok(found)) => self.proceed(&mut owned.exchange(), &asked, found),
            Ok(Err(_)) | Err(_) => failed(&owned.exchange()).into(),
        };
        answer.response().await
    }

    fn proceed(&self, exchange: &mut Exchange<'_>, asked: &Asked<'_>, found: Found) -> Answer {
        let inner = &*self.0;
        let is_read = matches!(exchange.head.method(), Method::Get | Method::Head);
        let files = match &inner.secured {
            Some(files) if exchange.is_secured => Some(files),
            _ => inner.plain.as_ref(),
        };
        match (found, files) {
            (Found::Script(script), _) => self.ask(exchange, asked, script),
            // Not the front script either, which would take the path for what is closed.
            (Found::Closed, _) => absent(exchange).into(),
            (Found::Other, Some(files)) if is_read || inner.scripts.front().is_none() => {
                let below = asked.path.octets().get(inner.led_octets..);
                let below = NormalPath::plain(below.unwrap_or_default());
                match files.answer(exchange, &below) {
                    Answer::Ready(response) if is_absent(&response) => {
                        self.front(exchange, asked, response)
                    }
                    Answer::Later(later) if inner.scripts.front().is_some() => {
                        let (this, asked) = (self.clone(), asked.to_owned());
                        let mut owned = exchange.detach();
                        Answer::Later(Box::pin(async move {
                            let response = later.await;
                            if !is_absent(&response) {
                                return response;
                            }
                            let answer = this.front(&mut owned.exchange(), &asked, response);
                            answer.response().await
                        }))
                    }
                    answer => answer,
                }
            }
            (Found::Other | Found::Lost, _) => {
                let absent = absent(exchange);
                self.front(exchange, asked, absent)
            }
        }
    }

    /// What answers for what is not there.
    fn front(&self, exchange: &mut Exchange<'_>, asked: &Asked<'_>, absent: Response) -> Answer {
        match self.0.scripts.front() {
            Some(script) => self.ask(exchange, asked, script),
            None => absent.into(),
        }
    }

    fn ask(&self, exchange: &mut Exchange<'_>, asked: &Asked<'_>, script: Script) -> Answer {
        let wanted = Wanted {
            script,
            query: asked.query.as_deref(),
            host: asked.host.as_deref(),
            is_told: asked.came.trust == Trust::Gateway,
        };
        self.0.application.answer(exchange, wanted)
    }
}

/// How the programs of a route are found.
pub(crate) fn scripts_config(route: &Route, site: &Site) -> ScriptsConfig {
    let root = route.root.as_ref().or(site.root.as_ref());
    let suffixes = script_suffixes(route);
    let has_place = root.is_some() || route.script_root.is_some();
    let rule = match route.handler {
        HandlerName::Cgi => Rule::File,
        _ if suffixes.is_empty() || !has_place => Rule::Whole,
        _ => Rule::Suffix,
    };
    let mut index: Vec<_> = (site.index.iter())
        .filter(|name| is_named(name, &suffixes))
        .cloned()
        .collect();
    if index.is_empty() && rule == Rule::Suffix {
        index.extend(suffixes.first().map(|suffix| format!("index{suffix}")));
    }
    ScriptsConfig {
        rule,
        prefix: prefix(&route.path).as_bytes().to_vec(),
        is_led: route.root.is_some(),
        root: root.filter(|_| rule != Rule::Whole).cloned(),
        seen_root: route.script_root.clone(),
        suffixes,
        index,
        front: route.front.clone().filter(|_| rule == Rule::Suffix),
    }
}

/// How the names of scripts end. PHP is what FastCGI is for nearly always; whoever speaks SCGI is one application.
fn script_suffixes(route: &Route) -> Vec<String> {
    match (&route.scripts, route.handler) {
        (Some(scripts), _) => scripts.clone(),
        (None, HandlerName::Fastcgi) => vec![".php".to_owned()],
        (None, _) => Vec::new(),
    }
}

fn is_named(name: &str, suffixes: &[String]) -> bool {
    let name = name.to_ascii_lowercase();
    (suffixes.iter()).any(|suffix| name.ends_with(&suffix.to_ascii_lowercase()))
}

fn application(route: &Route, site: &Site) -> Result<Application, SiteError> {
    let place = |text: &String| {
        application_place(text).map_err(|error| SiteError::Template(text.clone(), error))
    };
    let places = || route.to.iter().map(place).collect::<Result<Vec<_>, _>>();
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let speaker = match route.handler {
        HandlerName::Cgi => Speaker::Cgi(Programs::new(number(route.processes_max), tell)),
        HandlerName::Scgi => Speaker::Scgi(places()?),
        _ => Speaker::FastCgi {
            places: places()?,
            idle_connections_max: number(route.idle_connections),
        },
    };
    let settings = route.settings.over(&site.settings);
    let own = settings.params.iter().flatten();
    Ok(Application::new(ApplicationConfig {
        speaker,
        own: own
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        outbound_millis: u64::try_from(route.outbound_timeout.as_millis()).unwrap_or(u64::MAX),
        name: own_name().to_owned(),
        words,
        tell,
    }))
}

/// What a text in `to` names for an application.
pub(crate) fn application_place(text: &str) -> Result<Place, String> {
    if text.starts_with("unix:") {
        return unix_address(text).map(Place::Address);
    }
    let Some(authority) = text.strip_prefix("tcp://") else {
        return Err("applications are asked by tcp:// or unix:".to_owned());
    };
    let Some((host, port)) = authority.rsplit_once(':') else {
        return Err("a port is needed".to_owned());
    };
    let is_host = |octet: u8| octet.is_ascii_alphanumeric() || b"-._:[]".contains(&octet);
    let port = port.parse().ok().filter(|port| *port > 0);
    let Some(port) = port.filter(|_| !host.is_empty() && host.bytes().all(is_host)) else {
        return Err(format!("\"{authority}\" is no host and port"));
    };
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    Ok(match literal.parse() {
        Ok(ip) => Place::Address(Address::Inet(SocketAddr::new(ip, port))),
        Err(_) => Place::Name(host.to_owned(), port),
    })
}

/// A socket whose place does not depend on a folder, which would be nobody's to guess.
fn unix_address(text: &str) -> Result<Address, String> {
    let address: Address = text.parse().map_err(|error| format!("{error}"))?;
    match &address {
        Address::Unix(path) if path.is_relative() => {
            Err("the socket of a server is named from / on".to_owned())
        }
        _ => Ok(address),
    }
}

/// Tells the people who run it what an application says, line by line.
fn tell(who: &str, said: &str) {
    let mut text = String::new();
    for line in said.lines().filter(|line| !line.trim().is_empty()) {
        let shown: String = line.chars().map(shown).collect();
        text.push_str(&format!("{who}: {shown}\n"));
    }
    // Another thread waits for whoever reads standard error. With it closed there is nobody left to tell.
    net::spawn(async move {
        let _ = net::blocking(move || io::stderr().write_all(text.as_bytes())).await;
    });
}

/// A character as a terminal may have it.
fn shown(character: char) -> char {
    match character.is_control() && character != '\t' {
        true => '\u{fffd}',
        false => character,
    }
}

fn is_absent(response: &Response) -> bool {
    response.head.status() == Status::NOT_FOUND
}

fn absent(exchange: &Exchange<'_>) -> Response {
    error_response(
        Status::NOT_FOUND,
        "There is nothing at this path",
        "RFC 9110 §15.5.5",
        Some(exchange.head),
    )
}

fn failed(exchange: &Exchange<'_>) -> Response {
    error_response(
        Status::INTERNAL_SERVER_ERROR,
        "What is at this path cannot be found out",
        "RFC 9110 §15.6.1",
        Some(exchange.head),
    )
}

const ALLOW: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
