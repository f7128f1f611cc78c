//! One route, ready to answer: what its site and itself say, put together once.

use std::fmt;
use std::rc::Rc;

use engine::{Answer, Exchange, Response};
use origin::wire::Recent;
use origin::{
    Cache, Coding, Fences, Files, FilesConfig, FilesError, NegotiateConfig, UploadLimits, Uploads,
    UploadsConfig, error_response, refusal_response,
};
use semantics::{FieldRuleError, FieldRules, Known, NormalPath, Status};

use super::application::ApplicationTarget;
use super::client::Access;
use super::cors::Cors;
use super::gateway::{gateway, last_forward};
use super::matching::prefix;
use super::pages::Pages;
use super::redirect::Redirect;
use super::template::{Template, TemplateError, Words, target_of};
use crate::config::{self, CodingName, HandlerName, Settings, Site};
use auth::Gate;
use intermediary::{CameBy, Gateway, Pools};

/// What answers below one path of a site, and under which rules.
#[derive(Debug)]
pub(crate) struct Route {
    prefix: Box<[u8]>,
    /// Octets of the path that led here, and that the files below another root do not have in their own.
    led_octets: usize,
    target: Target,
    /// Where else is looked, instead of here.
    pub(super) rewrite: Option<Template>,
    pub(super) access: Access,
    pub(super) gate: Option<Gate>,
    /// Who of those whom the gate knows; empty is every one.
    pub(super) users: Vec<String>,
    pub(super) request_rules: FieldRules,
    /// What is done to the fields of every answer, and of those that go out by TLS.
    rules: Rules,
    pub(super) cors: Option<Cors>,
    pub(super) pages: Option<Pages>,
    /// Octets of content, where that is another number than the listener's.
    content_octets_max: Option<u64>,
    /// Nothing stands between a request and the gateway, or one without content and the files.
    is_direct: bool,
}

#[derive(Debug)]
enum Target {
    Files(FilesTarget),
    Echo,
    Wire(Recent),
    Redirect(Redirect),
    Gateway(Gateway),
    Application(ApplicationTarget),
    /// A site that has no files beside its routes.
    Nothing,
}

#[derive(Debug)]
struct FilesTarget {
    plain: Files,
    /// For answers by TLS, where those have other fields.
    secured: Option<Files>,
    tried: Option<TryFiles>,
    uploads: Option<Uploads>,
}

#[derive(Debug)]
struct TryFiles {
    paths: Vec<Template>,
    otherwise: Status,
    /// What lies below the root and is closed to who may come in here.
    fences: Fences,
}

impl TryFiles {
    /// Where a template leads, unless a client's words make it a path of a route that may not let that client in.
    fn path(&self, template: &Template, words: &Words<'_>) -> Option<NormalPath<'static>> {
        let (path, _) = template.expand_path(words)?;
        let is_fenced = template.has_words() && self.fences.close(path.octets());
        (!is_fenced).then_some(path)
    }
}

#[derive(Debug)]
struct Rules {
    plain: FieldRules,
    secured: Option<FieldRules>,
}

/// What a request asks for, after gateways and rewriting.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) path: NormalPath<'a>,
    pub(super) query: Option<std::borrow::Cow<'a, [u8]>>,
    /// As it may be shown; see [`super::redirect::shown_host`].
    pub(super) host: Option<String>,
    /// Who made the connection, for whoever asks on.
    pub(super) came: CameBy,
    /// Whether path and query are others than the client's.
    pub(super) is_rewritten: bool,
}

impl Asked<'_> {
    /// The same for a future.
    pub(super) fn to_owned(&self) -> Asked<'static> {
        Asked {
            path: self.path.clone().into_owned(),
            query: self.query.as_deref().map(|query| query.to_vec().into()),
            host: self.host.clone(),
            came: self.came,
            is_rewritten: self.is_rewritten,
        }
    }

    pub(super) fn into_owned(self) -> Asked<'static> {
        Asked {
            path: self.path.into_owned(),
            query: self.query.map(|query| query.into_owned().into()),
            host: self.host,
            came: self.came,
            is_rewritten: self.is_rewritten,
        }
    }
}

/// What all routes of a server are made with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made<'a> {
    pub(super) allow_trace: bool,
    pub(super) cache: &'a Rc<Cache>,
    pub(super) recent: &'a Recent,
    /// Octets of content that a route lets in which says nothing of it, and that listeners do.
    pub(super) content_octets_max: u64,
    pub(super) listener_octets_max: u64,
    pub(super) gates: &'a [(String, Gate)],
    pub(super) upload_limits: UploadLimits,
    pub(super) pools: &'a Pools,
    /// Whether anybody is told of exchanges.
    pub(super) is_recording: bool,
}

/// Why a site cannot be served.
#[derive(Debug)]
#[non_exhaustive]
pub enum SiteError {
    /// Its files.
    Files(FilesError),
    /// A field that is to be set, added or removed.
    Field(String, FieldRuleError),
    /// Where a redirect leads, or what is looked for instead of a path.
    Template(String, String),
    /// A status that no redirect has, or that no error has.
    Status(u64),
    /// No `[[auth]]` has this name.
    Auth(String),
    /// No `[[pool]]` has this name.
    Pool(String),
}

impl Route {
    pub(super) fn new(
        route: &config::Route,
        site: &Site,
        (fences, upload_fences): (Fences, Fences),
        made: Made<'_>,
    ) -> Result<Self, SiteError> {
        let settings = route.settings.over(&site.settings);
        let cors = settings.cors.as_ref().map(Cors::new);
        let rules = Rules::new(&settings, site, cors.as_ref())?;
        let uploads = uploads(&settings, upload_fences, made);
        let content_octets_max = uploads
            .as_ref()
            .map(|uploads| uploads.content_octets_max)
            .or(settings.content_octets_max)
            .unwrap_or(made.content_octets_max);
        let target = Target::new(route, site, &settings, &rules, (fences, uploads), made)?;
        let prefix = prefix(&route.path).as_bytes();
        let mut this = Self {
            prefix: prefix.into(),
            led_octets: route.root.as_ref().map_or(0, |_| prefix.len()),
            target,
            rewrite: match &route.rewrite {
                Some(text) => Some(template(text, Template::path)?),
                None => None,
            },
            access: Access::new(
                settings.allow.as_deref().unwrap_or_default(),
                settings.deny.as_deref().unwrap_or_default(),
            ),
            gate: gate(settings.auth.as_deref(), made)?,
            users: settings.users.iter().flatten().cloned().collect(),
            request_rules: request_rules(&settings)?,
            rules,
            cors,
            pages: pages(route, site, made.cache)?,
            content_octets_max: Some(content_octets_max)
                .filter(|&octets| octets != made.listener_octets_max),
            is_direct: false,
        };
        this.is_direct = this.is_plain() && !site.to_https;
        Ok(this)
    }

    fn is_plain(&self) -> bool {
        let answers_at_once = match &self.target {
            Target::Files(files) => {
                files.tried.is_none() && files.uploads.is_none() && self.led_octets == 0
            }
            Target::Gateway(_) => self.pages.is_none(),
            _ => false,
        };
        answers_at_once
            && self.rewrite.is_none()
            && self.access.is_open()
            && self.gate.is_none()
            && self.request_rules.is_empty()
    }

    /// The files that answer a request without content at once, if nothing stands before them.
    #[inline]
    pub(super) fn direct(&self, is_secured: bool) -> Option<&Files> {
        match &self.target {
            Target::Files(files) if self.is_direct => Some(files.by(is_secured)),
            _ => None,
        }
    }

    /// The gateway that answers any request, if nothing stands before it.
    #[inline]
    pub(super) fn direct_gateway(&self) -> Option<&Gateway> {
        match &self.target {
            Target::Gateway(gateway) if self.is_direct => Some(gateway),
            _ => None,
        }
    }

    /// Whether the same people may come in here as there.
    pub(super) fn is_as_open_as(&self, other: &Self) -> bool {
        let is_same_gate = match (&self.gate, &other.gate) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(a), Some(b)) => a.is_same(b),
        };
        is_same_gate && (self.gate.is_none() || self.users == other.users)
    }

    /// Sets the limit of the content that this route lets in (RFC 9110 §15.5.14).
    pub(super) fn limit_content(&self, exchange: &mut Exchange<'_>) -> Result<(), Box<Response>> {
        let Some(octets_max) = self.content_octets_max else {
            return Ok(());
        };
        exchange
            .limit_content(octets_max)
            .map_err(|refusal| Box::new(refusal_response(refusal, Some(exchange.head))))
    }

    /// Octets of its own path, without a slash at its end.
    pub(super) fn prefix_octets(&self) -> usize {
        self.prefix.len()
    }

    /// What the words of a template stand for.
    pub(super) fn words<'a>(&self, asked: &'a Asked<'_>) -> Words<'a> {
        let path = asked.path.octets();
        Words {
            path,
            rest: path.get(self.prefix.len()..).unwrap_or_default(),
            query: asked.query.as_deref(),
            host: asked.host.as_deref(),
        }
    }

    /// The answer of whatever this route leads to.
    pub(super) fn produce(&self, exchange: &mut Exchange<'_>, asked: &Asked<'_>) -> Answer {
        match &self.target {
            Target::Files(files) => self.answer_files(files, exchange, asked),
            Target::Echo => origin::echo::answer(exchange),
            Target::Wire(recent) => recent.answer(exchange),
            Target::Redirect(redirect) => redirect.answer(exchange.head, &self.words(asked)).into(),
            Target::Application(application) => application.answer(exchange, asked),
            Target::Gateway(gateway) if asked.is_rewritten => {
                let target = target_of(asked.path.octets(), asked.query.as_deref());
                let edited = semantics::with_target(exchange.head, target.as_bytes());
                ask(gateway, &mut exchange.with_head(edited.head()), asked)
            }
            Target::Gateway(gateway) => ask(gateway, exchange, asked),
            Target::Nothing => error_response(
                Status::NOT_FOUND,
                "There is nothing at this path",
                "RFC 9110 §15.5.5",
                Some(exchange.head),
            )
            .into(),
        }
    }

    fn answer_files(
        &self,
        target: &FilesTarget,
        exchange: &mut Exchange<'_>,
        asked: &Asked<'_>,
    ) -> Answer {
        let files = target.by(exchange.is_secured);
        // Empty where the path is the route's own, without a slash: the files then redirect to it with one.
        let below = asked
            .path
            .octets()
            .get(self.led_octets..)
            .unwrap_or_default();
        let below_path = NormalPath::plain(below);
        if let Some(uploads) = &target.uploads
            && uploads.wants(exchange.head, &below_path)
        {
            return uploads.answer(exchange, &below_path);
        }
        let Some(tried) = target.tried.as_ref().filter(|_| !below.is_empty()) else {
            return files.answer(exchange, &below_path);
        };
        let words = Words {
            path: below,
            ..self.words(asked)
        };
        let paths: Vec<_> = (tried.paths.iter())
            .filter_map(|template| tried.path(template, &words))
            .collect();
        files.answer_first(exchange, &below_path, &paths, tried.otherwise)
    }

    /// The rules for the fields of an answer.
    pub(super) fn rules(&self, is_secured: bool) -> &FieldRules {
        match &self.rules.secured {
            Some(rules) if is_secured => rules,
            _ => &self.rules.plain,
        }
    }

    /// Whether the fields of an answer depend on the Origin of the request.
    #[inline]
    pub(super) fn depends_on_origin(&self) -> bool {
        self.cors.as_ref().is_some_and(Cors::depends_on_origin)
    }
}

/// What a server answers, or what is answered without one.
fn ask(gateway: &Gateway, exchange: &mut Exchange<'_>, asked: &Asked<'_>) -> Answer {
    match gateway.answer(exchange, asked.came, |_| {}) {
        Some(answer) => answer,
        None => last_forward(exchange),
    }
}

impl FilesTarget {
    #[inline]
    fn by(&self, is_secured: bool) -> &Files {
        match &self.secured {
            Some(files) if is_secured => files,
            _ => &self.plain,
        }
    }
}

impl Target {
    fn new(
        route: &config::Route,
        site: &Site,
        settings: &Settings,
        rules: &Rules,
        (fences, uploads): (Fences, Option<UploadsConfig>),
        made: Made<'_>,
    ) -> Result<Self, SiteError> {
        Ok(match route.handler {
            HandlerName::Echo => Self::Echo,
            HandlerName::Wire => Self::Wire(made.recent.clone()),
            HandlerName::Redirect => Self::Redirect(redirect(route)?),
            HandlerName::Gateway => Self::Gateway(gateway(site, route, made)?),
            HandlerName::Fastcgi | HandlerName::Scgi | HandlerName::Cgi => {
                let beside = |index| {
                    // A negotiated variant could be the text of a script.
                    let (negotiate, has_uploads) = (None, false);
                    let of = FilesOf {
                        index,
                        negotiate,
                        has_uploads,
                    };
                    files_of(route, site, settings, rules, &fences, of, made)
                };
                Self::Application(ApplicationTarget::new(route, site, fences.clone(), beside)?)
            }
            HandlerName::Files => {
                let of = FilesOf {
                    index: site.index.clone(),
                    negotiate: negotiation(&route.settings.over(&site.settings)),
                    has_uploads: uploads.is_some(),
                };
                let files = files_of(route, site, settings, rules, &fences, of, made)?;
                let Some((plain, secured)) = files else {
                    return Ok(Self::Nothing);
                };
                Self::Files(FilesTarget {
                    uploads: uploads.map(|uploads| Uploads::new(uploads, plain.clone())),
                    plain,
                    secured,
                    tried: try_files(&route.try_files, &fences)?,
                })
            }
        })
    }
}

/// What differs between files that are served and those beside scripts.
struct FilesOf {
    index: Vec<String>,
    negotiate: Option<NegotiateConfig>,
    has_uploads: bool,
}

/// The files of a route, and those for answers by TLS where these have other fields; `None` where there is no folder.
fn files_of(
    route: &config::Route,
    site: &Site,
    settings: &Settings,
    rules: &Rules,
    fences: &Fences,
    of: FilesOf,
    made: Made<'_>,
) -> Result<Option<(Files, Option<Files>)>, SiteError> {
    let Some(root) = route.root.as_ref().or(site.root.as_ref()) else {
        return Ok(None);
    };
    let with = |fields: &FieldRules| {
        let config = FilesConfig {
            root: root.clone(),
            index: of.index.clone(),
            browse: site.browse,
            uploads: of.has_uploads,
            allow_trace: made.allow_trace,
            cache_control: route.cache_control.clone(),
            expires_seconds: route.expires.map(|expires| expires.as_secs()),
            codings: codings(settings),
            coding_octets_min: settings.coding_octets_min.unwrap_or(CODING_OCTETS_MIN),
            negotiate: of.negotiate.clone(),
            fences: fences.clone(),
            fields: fields.clone(),
        };
        Files::new(config, Rc::clone(made.cache)).map_err(SiteError::Files)
    };
    let plain = with(&rules.plain)?;
    let secured = rules.secured.as_ref().map(with).transpose()?;
    Ok(Some((plain, secured)))
}

fn codings(settings: &Settings) -> Vec<Coding> {
    let named = |name: &CodingName| match name {
        CodingName::Zstd => Coding::Zstd,
        CodingName::Br => Coding::Brotli,
        CodingName::Gzip => Coding::Gzip,
    };
    match &settings.codings {
        Some(names) => names.iter().map(named).collect(),
        None => Coding::ALL.to_vec(),
    }
}

impl Rules {
    fn new(settings: &Settings, site: &Site, cors: Option<&Cors>) -> Result<Self, SiteError> {
        let mut plain = FieldRules::default();
        let in_words = |name: &str| {
            let name = name.to_owned();
            move |error| SiteError::Field(name, error)
        };
        for name in settings.remove_fields.iter().flatten() {
            plain.remove(name).map_err(in_words(name))?;
        }
        for (name, value) in settings.set_fields.iter().flatten() {
            plain.set(name, value).map_err(in_words(name))?;
        }
        for (name, value) in settings.add_fields.iter().flatten() {
            plain.add(name, value).map_err(in_words(name))?;
        }
        if settings.nosniff.unwrap_or(true) {
            let field = Known::XContentTypeOptions.name();
            plain.supply(field, "nosniff").map_err(in_words(field))?;
        }
        if let Some(cors) = cors {
            cors.constant_fields(&mut plain).map_err(in_words("cors"))?;
        }
        // RFC 6797 §7.2: never on an answer that did not go by a secure transport.
        let secured = match site.hsts {
            None => None,
            Some(time) => {
                let field = Known::StrictTransportSecurity.name();
                let scope = if site.hsts_subdomains {
                    "; includeSubDomains"
                } else {
                    ""
                };
                let value = format!("max-age={}{scope}", time.as_secs());
                let mut secured = plain.clone();
                secured.supply(field, &value).map_err(in_words(field))?;
                Some(secured)
            }
        };
        Ok(Self { plain, secured })
    }
}

/// How variants are negotiated, if they are.
fn negotiation(settings: &Settings) -> Option<NegotiateConfig> {
    let is_on = settings.negotiate.unwrap_or(false);
    is_on.then(|| NegotiateConfig {
        language: settings.language.clone(),
        strict: settings.negotiate_strict.unwrap_or(false),
    })
}

/// Octets of the content of an upload, where listeners let in `octets_max`.
pub(crate) fn uploads_octets_max(settings: &Settings, octets_max: u64) -> u64 {
    settings.content_octets_max.unwrap_or_else(|| {
        // That default is meant for content that is held or looked at, not for what goes to a disk.
        if octets_max == config::Limits::default().content_octets_max {
            UploadsConfig::default().content_octets_max
        } else {
            octets_max
        }
    })
}

/// What may be uploaded, if anything may.
fn uploads(settings: &Settings, fences: Fences, made: Made<'_>) -> Option<UploadsConfig> {
    let defaults = UploadsConfig::default();
    (settings.uploads == Some(true)).then(|| UploadsConfig {
        content_octets_max: uploads_octets_max(settings, made.content_octets_max),
        trusted_origins: settings
            .cors
            .as_ref()
            .map_or(Vec::new(), |cors| cors.origins.clone()),
        allow_trace: made.allow_trace,
        durable: settings.durable_uploads.unwrap_or(defaults.durable),
        resumable: settings.resumable_uploads == Some(true),
        limits: made.upload_limits,
        fences,
    })
}

/// Bounds for what uploads can make grow.
pub(super) fn upload_limits(limits: &config::Limits) -> UploadLimits {
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    UploadLimits {
        uploads_max: size(limits.uploads_max),
        open_files_max: size(limits.upload_files_max),
        parts_max: size(limits.form_parts_max),
        part_head_octets_max: size(limits.form_part_head_octets_max),
        fields_octets_max: size(limits.form_fields_octets_max),
        resumable_uploads_max: size(limits.resumable_uploads_max),
        upload_age_seconds_max: limits.resumable_upload_age.as_secs().max(1),
        ..UploadLimits::default()
    }
}

fn request_rules(settings: &Settings) -> Result<FieldRules, SiteError> {
    let mut rules = FieldRules::default();
    for name in settings.remove_request_fields.iter().flatten() {
        rules
            .remove(name)
            .map_err(|error| SiteError::Field(name.clone(), error))?;
    }
    for (name, value) in settings.set_request_fields.iter().flatten() {
        rules
            .set(name, value)
            .map_err(|error| SiteError::Field(name.clone(), error))?;
    }
    Ok(rules)
}

/// Pages that a route names lie below its own root, those of its site below that of the site.
fn pages(
    route: &config::Route,
    site: &Site,
    cache: &Rc<Cache>,
) -> Result<Option<Pages>, SiteError> {
    let (named, root) = match &route.settings.error_pages {
        Some(pages) => (Some(pages), route.root.as_ref().or(site.root.as_ref())),
        None => (site.settings.error_pages.as_ref(), site.root.as_ref()),
    };
    let (Some(named), Some(root)) = (named.filter(|named| !named.is_empty()), root) else {
        return Ok(None);
    };
    Pages::new(root.clone(), named, cache)
        .map(Some)
        .map_err(SiteError::Files)
}

fn gate(name: Option<&str>, made: Made<'_>) -> Result<Option<Gate>, SiteError> {
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let known = made.gates.iter().find(|(known, _)| known == name);
    let (_, gate) = known.ok_or_else(|| SiteError::Auth(name.to_owned()))?;
    Ok(Some(gate.clone()))
}

fn redirect(route: &config::Route) -> Result<Redirect, SiteError> {
    let location = template(
        route.redirect.as_deref().unwrap_or_default(),
        Template::location,
    )?;
    let status = match route.redirect_status {
        301 => Status::MOVED_PERMANENTLY,
        302 => Status::FOUND,
        303 => Status::SEE_OTHER,
        307 => Status::TEMPORARY_REDIRECT,
        308 => Status::PERMANENT_REDIRECT,
        other => return Err(SiteError::Status(other)),
    };
    Ok(Redirect::new(status, location, route.cache_control.clone()))
}

/// The paths, and the status when none of them leads to anything: 404, if the list does not say it by `=410` or so at its end.
fn try_files(texts: &[String], fences: &Fences) -> Result<Option<TryFiles>, SiteError> {
    let (paths, otherwise) = match texts.split_last() {
        None => return Ok(None),
        Some((last, before)) => match last.strip_prefix('=') {
            None => (texts, Status::NOT_FOUND),
            Some(code) => {
                let code: u16 = code.parse().unwrap_or(0);
                let status = Status::new(code).filter(|status| status.is_error() && code < 600);
                (before, status.ok_or(SiteError::Status(code.into()))?)
            }
        },
    };
    let paths = paths
        .iter()
        .map(|text| template(text, Template::path))
        .collect::<Result<_, _>>()?;
    Ok(Some(TryFiles {
        paths,
        otherwise,
        fences: fences.clone(),
    }))
}

fn template(
    text: &str,
    parse: impl FnOnce(&str) -> Result<Template, TemplateError>,
) -> Result<Template, SiteError> {
    parse(text).map_err(|error| SiteError::Template(text.to_owned(), error.to_string()))
}

impl fmt::Display for SiteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files(error) => error.fmt(f),
            Self::Field(name, error) => write!(f, "{name}: {error}"),
            Self::Template(text, error) => write!(f, "\"{}\": {error}", text.escape_debug()),
            Self::Status(code) => write!(f, "{code} is not a status that can be given here"),
            Self::Pool(name) => write!(
                f,
                "there is no [[pool]] by the name \"{}\"",
                name.escape_debug()
            ),
            Self::Auth(name) => write!(
                f,
                "there is no [[auth]] by the name \"{}\"",
                name.escape_debug()
            ),
        }
    }
}

impl std::error::Error for SiteError {}

/// Shorter content gains nothing worth the work, and fits a packet or two anyway.
pub(crate) const CODING_OCTETS_MIN: u64 = 1024;
