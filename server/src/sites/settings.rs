//! What holds on a route: what it says itself, else what its site says.

use crate::config::Settings;

impl Settings {
    /// These settings, with those of `base` where these say nothing. A table or a list that is said replaces the other whole.
    pub(crate) fn over(&self, base: &Self) -> Self {
        macro_rules! over {
            ($($setting:ident)*) => {
                Self { $($setting: self.$setting.clone().or_else(|| base.$setting.clone()),)* }
            };
        }
        over! {
            negotiate language codings coding_octets_min uploads resumable_uploads content_octets_max auth users
            allow deny set_fields add_fields remove_fields set_request_fields remove_request_fields nosniff
            error_pages cors
        }
    }
}
