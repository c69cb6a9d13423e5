use super::*;

#[test]
fn no_fields_are_the_default() {
    assert_eq!(Options::from_fields([]).unwrap(), Options::default());
}

#[test]
fn an_empty_value_is_not_given_but_an_unknown_name_is_still_unknown() {
    assert_eq!(Options::from_fields(NAMES.split(' ').map(|name| (name, " "))).unwrap(), Options::default());
    assert_eq!(Options::from_fields([("formt", "")]).unwrap_err().option, "formt");
    let described = serde_json::to_value(<Options as utoipa::PartialSchema>::schema()).unwrap();
    let mut fields: Vec<_> = described["properties"].as_object().unwrap().keys().cloned().collect();
    let mut names: Vec<_> = NAMES.split(' ').map(str::to_owned).collect();
    fields.sort();
    names.sort();
    assert_eq!(fields, names);
}

#[test]
fn times_are_seconds_or_clock_times() {
    let options = Options::from_fields([("start", "1:30"), ("end", "1:00:00.5")]).unwrap();
    assert_eq!((options.start, options.end), (Some(90.0), Some(3600.5)));
    assert_eq!(Options::from_fields([("start", "12.25")]).unwrap().start, Some(12.25));
}

#[test]
fn the_result_is_named_for_what_it_is() {
    let named = |fields: &[(&'static str, &'static str)]| {
        let options = Options::from_fields(fields.iter().copied()).unwrap();
        (options.media_type(), options.extension())
    };
    assert_eq!(named(&[]), ("audio/mpeg", "mp3"));
    assert_eq!(named(&[("format", "m4a"), ("bitrate", "100")]), ("audio/mp4", "m4a"));
    assert_eq!(named(&[("format", "m4a"), ("chapters", "split")]), ("application/zip", "zip"));
}

#[test]
fn a_preset_sets_what_is_not_given() {
    let with =
        |fields: &[(&'static str, &'static str)]| Options::from_fields(fields.iter().copied()).unwrap();
    let lecture = with(&[("preset", "lecture")]);
    assert_eq!((lecture.loudness, lecture.bitrate, lecture.channels), (Some(-16.0), Some(64), Some(1)));
    assert_eq!((lecture.silence, lecture.format), (SilencePolicy::Shorten, Format::Mp3));
    let own = with(&[
        ("silence", "trim"),
        ("preset", "lecture"),
        ("quality", "4"),
        ("loudness", "off"),
        ("channels", ""),
    ]);
    assert_eq!((own.loudness, own.bitrate, own.quality, own.channels), (None, None, Some(4), Some(1)));
    assert_eq!(own.silence, SilencePolicy::Trim);
    assert_eq!(with(&[("preset", "lecture"), ("format", "flac")]).bitrate, None);
    assert_eq!(with(&[("preset", "audiobook")]).extension(), "m4b");
    assert_eq!(with(&[("preset", "lossless")]).format, Format::Flac);
    assert_eq!(with(&[("preset", "music")]).quality, Some(0));
    for preset in ["podcast", "small", "lecture", "music"] {
        for rate in ["8000", "22050", "48000"] {
            assert!(
                Options::from_fields([("preset", preset), ("sample_rate", rate)]).is_ok(),
                "{preset} {rate}"
            );
        }
    }
}

#[test]
fn a_fade_is_some_seconds() {
    assert_eq!(Options::from_fields([("fade", "2.5")]).unwrap().fade, Some(2.5));
    assert_eq!(Options::from_fields([("fade", "11")]).unwrap_err().option, "fade");
}

#[test]
fn a_waveform_is_wanted_or_not_and_jobs_without_one_are_stored_as_before() {
    let peaks = |value| Options::from_fields([("peaks", value)]).map(|options| options.peaks);
    assert_eq!((peaks("true"), peaks("false"), peaks("")), (Ok(true), Ok(false), Ok(false)));
    assert_eq!(peaks("yes").unwrap_err().option, "peaks");
    assert!(!serde_json::to_string(&Options::default()).unwrap().contains("peaks"));
}

#[test]
fn loudness_is_a_number_or_off() {
    let loudness = |value| Options::from_fields([("loudness", value)]).unwrap().loudness;
    assert_eq!((loudness("off"), loudness("-16"), loudness("-23.5")), (None, Some(-16.0), Some(-23.5)));
}

#[test]
fn each_wrong_option_is_named_with_what_is_allowed() {
    let wrong: [(&[(&str, &str)], &str); 26] = [
        (&[("silence", "golden")], "silence"),
        (&[("preset", "loud")], "preset"),
        (&[("bitrate_mode", "average")], "bitrate_mode"),
        (&[("bitrate", "128"), ("bitrate_mode", "variable")], "bitrate_mode"),
        (&[("format", "m4a"), ("bitrate", "128"), ("bitrate_mode", "constant")], "bitrate_mode"),
        (&[("format", "flac"), ("bitrate", "128")], "bitrate"),
        (&[("format", "wav"), ("quality", "2")], "quality"),
        (&[("format", "opus"), ("sample_rate", "44100")], "sample_rate"),
        (&[("format", "m4a"), ("bitrate", "1000")], "bitrate"),
        (&[("loudness", "loud")], "loudness"),
        (&[("loudness", "-4")], "loudness"),
        (&[("track", "Klingon, please")], "track"),
        (&[("chapters", "all")], "chapters"),
        (&[("bitrate", "320"), ("sample_rate", "22050")], "bitrate"),
        (&[("formt", "mp3")], "formt"),
        (&[("format", "exe")], "format"),
        (&[("bitrate", "129")], "bitrate"),
        (&[("bitrate", "-1")], "bitrate"),
        (&[("bitrate", "128"), ("quality", "2")], "quality"),
        (&[("quality", "10")], "quality"),
        (&[("sample_rate", "44101")], "sample_rate"),
        (&[("channels", "3")], "channels"),
        (&[("start", "NaN")], "start"),
        (&[("start", "1:75")], "start"),
        (&[("start", "20"), ("end", "10")], "end"),
        (&[("title", "a"), ("title", "b")], "title"),
    ];
    for (fields, name) in wrong {
        let error = Options::from_fields(fields.iter().copied()).unwrap_err();
        assert_eq!(error.option, name, "{error}");
    }
}

#[test]
fn a_webhook_is_an_https_address() {
    for good in ["https://example.org", "https://example.org:8443/hooks?key=1", "https://[2001:db8::1]/x"] {
        assert_eq!(Options::from_fields([("webhook", good)]).unwrap().webhook.as_deref(), Some(good));
    }
    let long = format!("https://example.org/{}", "x".repeat(1000));
    for bad in [
        "http://example.org",
        "https://",
        "https:///x",
        "https://a:b@example.org",
        "https://b\u{fc}cher.example",
        "https://x/ y",
        "https://x/#y",
        "HTTPS",
        &long,
    ] {
        assert_eq!(Options::from_fields([("webhook", bad)]).unwrap_err().option, "webhook", "{bad}");
    }
}

#[test]
fn what_a_newer_version_has_stored_is_read_as_far_as_it_is_known() {
    let (options, understood) = Options::from_stored(r#"{"bitrate":192,"smell":"roses","format":"mp9"}"#);
    assert_eq!((options.bitrate, options.format, understood), (Some(192), Format::Mp3, false));
    assert_eq!(Options::from_stored("not json"), (Options::default(), false));
    assert_eq!(Options::from_stored("{}"), (Options::default(), true));
}

#[test]
fn options_that_would_not_fit_into_their_column_are_refused() {
    let quotes = "\"".repeat(500);
    let tags = [("title", quotes.as_str()), ("artist", &quotes), ("album", &quotes)];
    let webhook = format!("https://example.org/{}", "x".repeat(980));
    assert!(Options::from_fields(tags).is_ok());
    let all = tags.into_iter().chain([("webhook", webhook.as_str())]);
    assert!(Options::from_fields(all.clone()).unwrap_err().problem.contains("too long together"));
    assert_eq!(Options::from_fields([("title", "a\u{1}b")]).unwrap_err().option, "title");
}

#[test]
fn options_survive_json_and_unknown_ones_do_not() {
    let options = Options::from_fields([("bitrate", "192"), ("title", "Ümläut"), ("end", "5")]).unwrap();
    let json = serde_json::to_string(&options).unwrap();
    assert_eq!(serde_json::from_str::<Options>(&json).unwrap(), options);
    assert!(serde_json::from_str::<Options>(r#"{"bitrat":1}"#).is_err());
}

#[test]
fn a_folder_is_a_short_line() {
    let long = "ö".repeat(64);
    for good in ["Talks", "Ümläut & Co. <1>", &long] {
        assert_eq!(Options::from_fields([("folder", good)]).unwrap().folder.as_deref(), Some(good));
    }
    for bad in ["a\u{1}b", "a\nb", &format!("{long}ö")] {
        assert_eq!(Options::from_fields([("folder", bad)]).unwrap_err().option, "folder", "{bad}");
    }
    assert!(!is_folder("") && !is_folder(" a") && is_folder("a"));
}

#[test]
fn what_a_preset_is_said_to_set_is_what_it_sets() {
    for preset in Preset::ALL {
        let sets = preset.sets();
        assert!(!sets.is_empty(), "{preset:?}");
        let by_name = Options::from_fields([("preset", preset.as_str())]).unwrap();
        let by_hand = Options::from_fields(sets.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        assert_eq!(by_name, Options { preset: Some(preset), ..by_hand.unwrap() });
        assert_eq!(serde_json::to_value(preset).unwrap(), preset.as_str());
    }
    assert_eq!(
        Preset::Podcast.sets().into_iter().collect::<Vec<_>>(),
        [("bitrate".into(), "128".into()), ("loudness".into(), "-16".into()),]
    );
}

#[test]
fn the_bounds_that_are_described_are_those_that_are_checked() {
    use utoipa::PartialSchema as _;

    let described = serde_json::to_value(Options::schema()).unwrap();
    let taken = |name: &str, value: &str| {
        // What the option asks for beside it.
        let beside = (name == "bitrate" || name == "sample_rate").then_some(("format", "opus"));
        let wide = (name == "sample_rate" && value == "192000").then_some(("format", "flac"));
        let fields = wide.or(beside).into_iter().chain([(name, value)]);
        Options::from_fields(fields).is_ok()
    };
    for (name, option) in described["properties"].as_object().unwrap() {
        let bound = |key: &str| option[key].as_f64();
        if let (Some(least), Some(most)) = (bound("minimum"), bound("maximum")) {
            // An end at 0 leaves nothing.
            let first = if name == "end" { least + 1.0 } else { least };
            assert!(taken(name, &first.to_string()) && taken(name, &most.to_string()), "{name}");
            assert!(
                !taken(name, &(least - 1.0).to_string()) && !taken(name, &(most + 1.0).to_string()),
                "{name}"
            );
        }
        if let Some(most) = option["maxLength"].as_u64() {
            let start = if name == "webhook" { "https://" } else { "" };
            let text = |length: u64| format!("{start}{}", "a".repeat(length as usize - start.len()));
            assert!(taken(name, &text(most)) && !taken(name, &text(most + 1)), "{name}");
        }
    }
    assert_eq!(described["properties"]["loudness"]["minimum"].as_f64(), Some(-70.0));
}
