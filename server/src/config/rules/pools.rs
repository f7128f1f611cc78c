//! Servers that gateways ask, and who refers to them.

use super::Rules;
use crate::config::model::{HandlerName, Pool, Route};
use crate::config::node::{Node, Value};
use crate::config::slot::Complaint;
use crate::config::suggest::nearest;

impl Rules<'_> {
    pub(super) fn check_pools(&mut self) {
        for (number, pool) in self.config.pools.iter().enumerate() {
            let at = format!("pool[{number}]");
            self.pool_is_used(&at, pool);
            self.pool_has_servers(&at, pool);
            self.check_pool(&at, pool);
        }
        for (path, site) in self.sites() {
            for (number, route) in site.routes.iter().enumerate() {
                let at = format!("{path}.route[{number}]");
                self.pool_is_known(&at, route);
                self.check_gateway(&at, route);
            }
        }
    }

    fn pool_is_known(&mut self, at: &str, route: &Route) {
        let Some(name) = &route.pool else { return };
        let pools = &self.config.pools;
        let known = || pools.iter().map(|pool| pool.name.as_str());
        if known().any(|known| known == name) {
            return;
        }
        let shown = name.escape_debug();
        let suggestion = match (nearest(name, known()), known().next()) {
            (Some(near), _) => format!("did you mean \"{near}\"?"),
            (None, None) => format!("add [[pool]] with name = \"{shown}\" and to = …"),
            (None, Some(_)) => format!("known are {}", known().collect::<Vec<_>>().join(", ")),
        };
        let message = format!("there is no [[pool]] with the name \"{shown}\"");
        self.error(&format!("{at}.pool"), Complaint::with(message, suggestion));
    }

    fn pool_is_used(&mut self, at: &str, pool: &Pool) {
        let sites = self.config.sites.iter();
        let mut routes = sites.flat_map(|site| &site.routes);
        if !routes.any(|route| route.pool.as_ref() == Some(&pool.name)) {
            let message = format!("no route asks the pool \"{}\"", pool.name.escape_debug());
            let hint = format!(
                "add handler = \"gateway\" and pool = \"{}\" to a [[site.route]]",
                pool.name.escape_debug()
            );
            self.warn(&format!("{at}.name"), Complaint::with(message, hint));
        }
    }

    fn pool_has_servers(&mut self, at: &str, pool: &Pool) {
        let keys = ["to", "server"].map(|key| format!("{at}.{key}"));
        // What is there and could not be read was complained of.
        let is_odd = keys.iter().any(|key| {
            let is_empty =
                |node: &Node| matches!(&node.value, Value::List(nodes) if nodes.is_empty());
            self.root.at(key).is_some_and(|node| !is_empty(node))
        });
        if pool.to.is_empty() && pool.servers.is_empty() && !is_odd {
            let hint = "add to = [\"http://127.0.0.1:3000\"], or a [[pool.server]]";
            self.absence(at, Complaint::with("[[pool]] has no server", hint));
            return;
        }
        let servers: Vec<_> = pool.all_servers().collect();
        if !servers.is_empty() && servers.iter().all(|server| server.weight == 0) {
            let message = "all servers have the weight 0: none is ever asked";
            let hint = "give one of them a weight";
            self.error(
                &format!("{at}.server[0].weight"),
                Complaint::with(message, hint),
            );
        } else if !servers.is_empty() && servers.iter().all(|server| server.backup) {
            let message = "all servers are for when there is no other";
            self.warn(&format!("{at}.server[0].backup"), Complaint::new(message));
        }
        let place = |number: usize| match number.checked_sub(pool.to.len()) {
            None => format!("{at}.to[{number}]"),
            Some(number) => format!("{at}.server[{number}].to"),
        };
        for (number, server) in servers.iter().enumerate() {
            let mut earlier = servers.iter().take(number);
            if let Some(first) = earlier.position(|earlier| earlier.to == server.to) {
                let message = format!("\"{}\" is there twice", server.to.escape_debug());
                let hint = "a [[pool.server]] with weight = 2 has twice the share";
                let complaint = Complaint::with(message, hint);
                self.error_also(&place(number), &place(first), complaint);
            }
        }
    }

    fn check_pool(&mut self, at: &str, pool: &Pool) {
        let key = |name: &str| format!("{at}.{name}");
        let mut servers = pool.servers.iter();
        let is_limited = pool.connections_max.is_some()
            || servers.any(|server| server.connections_max.is_some());
        let defaults = Pool::default();
        for (name, is_said) in [
            ("queue_max", pool.queue_max != defaults.queue_max),
            ("queue_time", pool.queue_time != defaults.queue_time),
        ] {
            if is_said && !is_limited {
                let complaint = Complaint::with(
                    "nobody waits here, for connections are not limited",
                    "add connections_max = …",
                );
                self.warn(&key(name), complaint);
            }
        }
        if pool.out_time_max < pool.out_time {
            let complaint = Complaint::new("it is less than `out_time`");
            self.warn(&key("out_time_max"), complaint);
        }
        let is_one = pool.all_servers().count() == 1;
        if let Some(sticky) = &pool.sticky {
            if is_one {
                let complaint = Complaint::new("there is one server, to which all come anyway");
                self.warn(&key("sticky.cookie"), complaint);
            }
            let name = &sticky.cookie;
            if (name.starts_with("__Host-") || name.starts_with("__Secure-")) && !self.is_secured()
            {
                let complaint = Complaint::with(
                    "user agents keep a cookie of this name only by TLS",
                    "leave the prefix out",
                );
                self.warn(&key("sticky.cookie"), complaint.by("RFC 6265bis §4.1.3"));
            }
        }
        if let Some(breaker) = &pool.breaker
            && breaker.failures_max.is_none()
            && breaker.failures_percent.is_none()
        {
            let message = "nothing opens this breaker";
            let hint = "add failures_max or failures_percent";
            self.error(&key("breaker"), Complaint::with(message, hint));
        }
    }

    /// What only gateways do.
    fn check_gateway(&mut self, at: &str, route: &Route) {
        let key = |name: &str| format!("{at}.{name}");
        let handler = route.handler;
        let is_gateway = handler == HandlerName::Gateway;
        let is_application = matches!(
            handler,
            HandlerName::Fastcgi | HandlerName::Scgi | HandlerName::Cgi
        );
        let has_pool = self.span(&key("pool")).is_some();
        if is_gateway && route.to.is_empty() && !has_pool {
            let hint = "add to = [\"http://127.0.0.1:3000\"], or pool = …, the name of a [[pool]]";
            let message = "the handler is `gateway`, and there is no server in `to`";
            self.error(&key("handler"), Complaint::with(message, hint));
        }
        for (name, is_said) in of_gateways(route) {
            let is_judged_elsewhere = is_application && OF_POOLS.contains(&name);
            if !is_gateway && is_said && !is_judged_elsewhere {
                let message = format!("the handler is `{handler}`, which asks no other server");
                let hint = "add handler = \"gateway\"";
                self.error(&key(name), Complaint::with(message, hint));
            }
            if is_gateway && has_pool && is_said && OF_POOLS.contains(&name) {
                let message = format!("`{name}` is what the pool says");
                let hint = "write it in the [[pool]], or leave out `pool`";
                let complaint = Complaint::with(message, hint);
                self.error_also(&key(name), &key("pool"), complaint);
            }
        }
    }
}

/// Keys of a route that only gateways have, and whether they say anything.
fn of_gateways(route: &Route) -> [(&'static str, bool); 12] {
    let plain = Route::default();
    [
        ("to", !route.to.is_empty()),
        ("balance", route.balance != plain.balance),
        (
            "outbound_timeout",
            route.outbound_timeout != plain.outbound_timeout,
        ),
        ("pool", route.pool.is_some()),
        ("strip_prefix", route.strip_prefix.is_some()),
        ("add_prefix", route.add_prefix.is_some()),
        ("outbound_host", route.outbound_host != plain.outbound_host),
        ("client_fields", route.client_fields != plain.client_fields),
        ("via_answers", route.via_answers != plain.via_answers),
        ("outbound", route.outbound != plain.outbound),
        ("upgrade", !route.upgrade.is_empty()),
        ("expect", route.expect != plain.expect),
    ]
}

/// Those of them that a pool has itself.
const OF_POOLS: &[&str] = &["to", "balance", "outbound_timeout", "outbound"];
