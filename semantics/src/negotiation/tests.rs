use super::*;

const HTML: &str = "text/html; charset=utf-8";

fn in_language(languages: &str) -> Variant<'_> {
    Variant {
        media_type: HTML,
        charset: "utf-8",
        languages,
        ..Variant::default()
    }
}

fn of_type(media_type: &str) -> Variant<'_> {
    Variant {
        media_type,
        ..Variant::default()
    }
}

/// `Accept`, `Accept-Charset`, `Accept-Encoding`, `Accept-Language`; `-` for a field that is not sent.
fn asked(fields: [&str; 4]) -> Preferences<'_> {
    let [media_types, charsets, codings, languages] = fields.map(|line| match line {
        "-" => Vec::new(),
        line => vec![line.as_bytes()],
    });
    Preferences {
        media_types,
        charsets,
        codings,
        languages,
    }
}

fn by_language(line: &str, tags: &[&str]) -> Option<usize> {
    let variants: Vec<_> = tags.iter().map(|tag| in_language(tag)).collect();
    decide(&asked(["-", "-", "-", line]), &variants, &Rules::default()).chosen
}

fn by_type(line: &str, types: &[&str]) -> Option<usize> {
    let variants: Vec<_> = types.iter().map(|media_type| of_type(media_type)).collect();
    decide(&asked([line, "-", "-", "-"]), &variants, &Rules::default()).chosen
}

#[test]
fn weights_are_multiplied_across_the_dimensions() {
    let variants = [
        Variant {
            media_type: "text/html",
            languages: "en",
            ..Variant::default()
        },
        Variant {
            media_type: "text/plain",
            languages: "de",
            ..Variant::default()
        },
    ];
    let of = |fields| decide(&asked(fields), &variants, &Rules::default()).chosen;
    // 1 × 0.4 < 0.5 × 1.
    assert_eq!(
        of(["text/html, text/plain;q=0.5", "-", "-", "de, en;q=0.4"]),
        Some(1)
    );
    // 1 × 0.6 > 0.5 × 1.
    assert_eq!(
        of(["text/html, text/plain;q=0.5", "-", "-", "de, en;q=0.6"]),
        Some(0)
    );
}

#[test]
fn the_servers_own_weight_counts_as_a_dimension() {
    let worth = |thousandths: &str| Quality::parse(thousandths.as_bytes());
    let mut variants = [of_type("image/png"), of_type("image/gif")];
    variants[0].source_quality = worth("0.3");
    variants[1].source_quality = worth("0.9");
    let of = |line, variants: &[Variant<'_>]| {
        decide(&asked([line, "-", "-", "-"]), variants, &Rules::default())
    };
    assert_eq!(of("image/*", &variants).chosen, Some(1));
    assert_eq!(of("image/png, image/gif;q=0.3", &variants).chosen, Some(0));
    variants[1].source_quality = worth("0");
    let decision = of("image/gif", &variants);
    assert_eq!(decision.chosen, None);
    assert_eq!(decision.judgements[1].verdict, Verdict::Worthless);
}

#[test]
fn the_smallest_weights_still_differ() {
    let variants = [in_language("en"), in_language("de")];
    let fields = ["text/html;q=0.001", "-", "-", "de;q=0.002, en;q=0.001"];
    let decision = decide(&asked(fields), &variants, &Rules::default());
    assert_eq!(decision.chosen, Some(1));
    assert!(decision.judgements[0].overall() > 0);
}

#[test]
fn a_language_is_filtered_then_looked_up() {
    assert_eq!(by_language("en-GB, fr;q=0.9", &["fr", "en"]), Some(1));
    assert_eq!(by_language("en-GB", &["en", "en-GB"]), Some(1));
    assert_eq!(by_language("en", &["en-US", "en"]), Some(1));
    assert_eq!(by_language("en", &["en-US", "fr"]), Some(0));
    assert_eq!(by_language("da", &["en", "fr"]), None);
}

#[test]
fn of_equal_weights_the_earlier_in_the_field_wins() {
    assert_eq!(by_language("de, fr", &["fr", "de"]), Some(1));
    assert_eq!(by_language("de, en", &["en", "de-CH"]), Some(1));
    assert_eq!(by_language("en-GB, fr", &["fr", "en"]), Some(1));
    assert_eq!(by_language("*, fr", &["en", "fr"]), Some(1));
    assert_eq!(
        by_type(
            "text/plain, application/json",
            &["application/json", "text/plain"]
        ),
        Some(1)
    );
}

#[test]
fn without_a_field_the_default_language_wins_then_none_then_the_servers_order() {
    let rules = Rules {
        default_language: Some("fr"),
        is_strict: false,
    };
    let variants = [in_language("en"), in_language("fr-CA")];
    let none = asked(["-", "-", "-", "-"]);
    assert_eq!(decide(&none, &variants, &rules).chosen, Some(1));
    assert_eq!(decide(&none, &variants, &Rules::default()).chosen, Some(0));
    let variants = [in_language("en"), in_language("")];
    assert_eq!(decide(&none, &variants, &Rules::default()).chosen, Some(1));
}

#[test]
fn what_has_no_language_is_for_those_who_find_none_of_theirs() {
    assert_eq!(by_language("en;q=0.01", &["", "en"]), Some(1));
    assert_eq!(by_language("ja", &["", "en"]), Some(0));
}

#[test]
fn the_default_language_is_sent_for_want_of_any_unless_strict() {
    let variants = [in_language("en"), in_language("fr")];
    let fields = asked(["-", "-", "-", "ja"]);
    let rules = |is_strict| Rules {
        default_language: Some("fr"),
        is_strict,
    };
    let decision = decide(&fields, &variants, &rules(false));
    assert_eq!(decision.chosen, Some(1));
    assert_eq!(decision.judgements[1].verdict, Verdict::Fallback);
    assert_eq!(decide(&fields, &variants, &rules(true)).chosen, None);
    // A type that is not accepted is no better for being in the default language.
    let fields = asked(["image/png", "-", "-", "ja"]);
    assert_eq!(decide(&fields, &variants, &rules(false)).chosen, None);
}

#[test]
fn a_named_type_goes_before_one_by_wildcard_and_html_before_others() {
    let types = ["application/json", "text/html"];
    assert_eq!(by_type("*/*", &types), Some(1));
    assert_eq!(by_type("application/json, */*", &types), Some(0));
    assert_eq!(by_type("application/json;q=0.9, */*", &types), Some(1));
    assert_eq!(by_type("-", &types), Some(1));
    assert_eq!(by_type("*/*", &["image/png", "image/gif"]), Some(0));
}

#[test]
fn a_type_that_is_not_accepted_is_never_chosen() {
    assert_eq!(by_type("image/png", &["text/html", "text/html"]), None);
    // But one alone is.
    assert_eq!(by_type("image/png", &["text/html"]), Some(0));
    assert_eq!(
        by_type("text/html;q=0, */*", &["text/html", "text/plain"]),
        Some(1)
    );
}

#[test]
fn vary_names_the_dimensions_in_which_variants_differ() {
    let vary = |variants: &[Variant<'_>], fields| {
        decide(&asked(fields), variants, &Rules::default()).vary()
    };
    let none = ["-", "-", "-", "-"];
    let languages = [in_language("en"), in_language("de")];
    assert_eq!(vary(&languages, none), "Accept-Language");
    assert_eq!(vary(&languages[..1], ["-", "-", "-", "de"]), "");
    let types = [of_type("text/html"), of_type("image/png")];
    assert_eq!(vary(&types, none), "Accept");
    let mut charsets = [in_language("zh"), in_language("zh")];
    charsets[1].charset = "gb2312";
    charsets[1].media_type = "text/html; charset=gb2312";
    assert_eq!(vary(&charsets, none), "Accept-Charset");
    // A range may ask for a charset by its parameter.
    assert_eq!(
        vary(&charsets, ["text/html;charset=gb2312", "-", "-", "-"]),
        "Accept, Accept-Charset"
    );
    let mut codings = [of_type("text/plain"), of_type("text/plain")];
    codings[1].codings = "gzip";
    assert_eq!(vary(&codings, none), "Accept-Encoding");
    // What excluded all of them is named too.
    assert_eq!(
        vary(&languages, ["image/png", "-", "-", "de"]),
        "Accept, Accept-Language"
    );
}

#[test]
fn a_field_is_disregarded_where_all_are_alike() {
    let variants = [
        Variant {
            media_type: HTML,
            charset: "utf-8",
            languages: "en",
            ..Variant::default()
        },
        Variant {
            media_type: "text/plain; charset=utf-8",
            charset: "utf-8",
            languages: "en",
            ..Variant::default()
        },
    ];
    let fields = ["text/plain", "iso-8859-1", "identity;q=0", "de"];
    let decision = decide(&asked(fields), &variants, &Rules::default());
    assert_eq!(decision.chosen, Some(1));
    assert_eq!(decision.vary(), "Accept");
}

#[test]
fn a_charset_is_chosen_by_name_and_utf_8_otherwise() {
    let in_charset = |charset| Variant {
        media_type: "text/html",
        charset,
        ..Variant::default()
    };
    let variants = [in_charset("gb2312"), in_charset("utf-8")];
    let of = |line| decide(&asked(["-", line, "-", "-"]), &variants, &Rules::default()).chosen;
    assert_eq!(of("GB2312, utf-8;q=0.5"), Some(0));
    assert_eq!(of("*"), Some(1));
    assert_eq!(of("-"), Some(1));
    assert_eq!(of("koi8-r"), None);
}

#[test]
fn of_codings_as_welcome_the_shorter_wins() {
    let coded = |codings, octets| Variant {
        media_type: "text/html",
        codings,
        octets,
        ..Variant::default()
    };
    let variants = [coded("", 100), coded("gzip", 30), coded("br", 25)];
    let of = |line| decide(&asked(["-", "-", line, "-"]), &variants, &Rules::default()).chosen;
    assert_eq!(of("gzip, br"), Some(2));
    assert_eq!(of("gzip, br;q=0.5"), Some(1));
    assert_eq!(of("-"), Some(0));
    assert_eq!(of(""), Some(0));
    assert_eq!(of("identity;q=0, *;q=0"), None);
}

#[test]
fn every_verdict_says_why() {
    let variants = [
        in_language("de"),
        in_language("en"),
        in_language("en-GB"),
        in_language("fr"),
    ];
    let fields = asked(["text/html;q=0.5", "-", "-", "en, de;q=0.5"]);
    let decision = decide(&fields, &variants, &Rules::default());
    let said: Vec<_> = decision
        .judgements
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        said,
        [
            "0.250 = type 0.500 × language 0.500; less welcome than the chosen one",
            "0.500 = type 0.500 × language 1.000; chosen",
            "0.500 = type 0.500 × language 1.000; as welcome as the chosen one, but of that its language matches more closely",
            "0.000 = type 0.500 × language 0.000; not acceptable by Accept-Language",
        ]
    );
}

#[test]
fn of_nothing_nothing_is_chosen() {
    let decision = decide(&Preferences::default(), &[], &Rules::default());
    assert_eq!((decision.chosen, decision.vary().as_str()), (None, ""));
}

#[test]
fn what_stands_beyond_the_limit_of_a_field_is_disregarded() {
    let variants = [in_language("en"), in_language("de")];
    let chosen = |line: &str| {
        let asked = asked(["-", "-", "-", line]);
        decide(&asked, &variants, &Rules::default()).chosen
    };
    // Fewer members than count, so that only the octets decide.
    let full = "fr-vallader, ".repeat(FIELD_OCTETS_MAX / 13);
    assert_eq!(chosen(&format!("{full}de")), Some(1));
    let long = format!("en;q=0.1, {full}de");
    assert_eq!(chosen(&long), Some(0));
    // A member that is cut is none.
    let cut = format!("{full}de-{}", "x".repeat(100));
    assert_eq!(chosen(&cut), None);
}

#[test]
fn lines_without_end_are_not_read_to_their_end() {
    let lines: Vec<&[u8]> = std::iter::repeat_n(&b""[..], 60_000).collect();
    assert!(bounded(&lines).len() <= FIELD_OCTETS_MAX + 1);
    let members = [&b"en, "[..]; 30_000];
    let octets: usize = bounded(&members).iter().map(|line| line.len()).sum();
    assert!(octets <= FIELD_OCTETS_MAX);
}
