//! The form as the description of the API tells it: the file, and the options as fields, made of what describes them in JSON.

use contracts::Options;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, Object, ObjectBuilder, RefOr, Schema, SchemaFormat,
        schema::{AdditionalProperties, SchemaType, Type},
    },
};

const TIME: &str = "^[0-9.]+(:[0-9.]+){0,2}$";
const LOUDNESS: &str = "^(off|-[0-9]+([.][0-9]+)?)$";

/// `multipart/form-data` of `POST /upload`.
pub(crate) struct UploadForm;

impl PartialSchema for UploadForm {
    fn schema() -> RefOr<Schema> {
        let file = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
            .description(Some("The video. This part may have any name; it is told by being a file."));
        let form = ObjectBuilder::new()
            .description(Some(
                "A video, and what its audio shall be like. An empty field counts as not given.",
            ))
            .property("file", file)
            .required("file")
            .additional_properties(Some(AdditionalProperties::FreeForm(false)));
        let RefOr::T(Schema::Object(options)) = Options::schema() else { return form.into() };
        let fields = options.properties.into_iter();
        fields.fold(form, |form, (name, option)| form.property(&name, field(&name, option))).into()
    }
}

impl ToSchema for UploadForm {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Options::schemas(schemas);
    }
}

/// In a form nothing is null, and times may be written as people do.
fn field(name: &str, option: RefOr<Schema>) -> RefOr<Schema> {
    match option {
        RefOr::T(Schema::Object(option)) => match name {
            "start" | "end" => written(option, "As seconds or h:mm:ss.", TIME),
            "loudness" => written(option, "Or `off`.", LOUDNESS),
            _ => present(option),
        }
        .into(),
        // An enumeration, or null.
        RefOr::T(Schema::OneOf(mut choice)) => choice.items.swap_remove(0),
        other => other,
    }
}

/// A number that may be written otherwise.
fn written(option: Object, how: &str, pattern: &str) -> Object {
    let description = format!("{} {how}", option.description.unwrap_or_default());
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .pattern(Some(pattern))
        .build()
}

fn present(mut option: Object) -> Object {
    if let SchemaType::Array(kinds) = &option.schema_type {
        let kind = kinds.iter().find(|kind| **kind != Type::Null);
        option.schema_type = kind.cloned().map_or(SchemaType::AnyValue, SchemaType::Type);
    }
    option.default = option.default.filter(|value| !value.is_null());
    option
}

#[cfg(test)]
mod tests {
    use contracts::Preset;

    use super::*;

    #[test]
    fn every_option_is_a_field_with_its_choices_and_its_default() {
        let form = serde_json::to_value(UploadForm::schema()).unwrap();
        let options = serde_json::to_value(Options::schema()).unwrap();
        let (fields, known) =
            (form["properties"].as_object().unwrap(), options["properties"].as_object().unwrap());
        assert_eq!(fields.len(), known.len() + 1);
        for (name, field) in fields {
            assert!(!field.to_string().contains("null"), "{name}: {field}");
            assert!(name == "file" || known.contains_key(name), "{name}");
        }
        assert_eq!(fields["format"]["default"], "mp3");
        assert_eq!(fields["quality"]["type"], "integer");
        assert!(fields["preset"]["$ref"].as_str().unwrap().ends_with("/Preset"), "{}", fields["preset"]);
        let (mut schemas, mut names) = (Vec::new(), Vec::new());
        UploadForm::schemas(&mut schemas);
        names.extend(schemas.into_iter().map(|(name, _)| name));
        assert!(["Format", "Preset", "NotifyBy"].iter().all(|name| names.iter().any(|known| known == name)));
        for preset in Preset::ALL {
            let fields = preset.sets();
            let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            assert!(Options::from_fields(fields).is_ok(), "{preset:?}");
        }
    }
}
