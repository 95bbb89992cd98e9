//! `LambdaInvoke`: calls a function for each object.
//!
//! Rule: only schema 2.0 carries user arguments; 1.0, which counts where none is named, would drop them in silence.

use brigade_model::Operation;
use brigade_model::operation::{InvocationSchema, Invoke};

use crate::s3control::{Fields, S3ControlError};
use crate::xml::Writer;

/// The name of a function, bytes. S3
const FUNCTION_BYTES_MAX: usize = 1024;
/// The user arguments of a job, and the characters of a key and of a value. S3
const ARGUMENTS_MAX: usize = 10;
const KEY_CHARS_MAX: usize = 64;
const VALUE_CHARS_MAX: usize = 1024;

/// Reads the element's children.
pub(super) fn read(mut parameters: Fields<'_>) -> Result<Operation, S3ControlError> {
    let function = parameters.bounded("FunctionArn", FUNCTION_BYTES_MAX)?.filter(|text| !text.is_empty());
    let schemas = InvocationSchema::ALL.map(|schema| (schema.name(), schema));
    let schema = parameters.choice("InvocationSchemaVersion", schemas)?.unwrap_or(InvocationSchema::V1);
    let arguments = parameters.container("UserArguments")?.map(read_arguments).transpose()?.unwrap_or_default();
    let function = parameters.required("FunctionArn", function)?;
    if !function.starts_with("arn:") || function.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(parameters.invalid("FunctionArn", "must be the ARN of a function"));
    }
    if schema == InvocationSchema::V1 && !arguments.is_empty() {
        return Err(parameters.invalid("UserArguments", "needs InvocationSchemaVersion 2.0"));
    }
    parameters.finish()?;
    Ok(Operation::Invoke(Invoke { function, schema, arguments }))
}

fn read_arguments(mut given: Fields<'_>) -> Result<Vec<(String, String)>, S3ControlError> {
    let mut arguments: Vec<(String, String)> = Vec::new();
    for entry in given.each("entry")? {
        let (key, value) = read_argument(entry)?;
        if arguments.iter().any(|(earlier, _)| *earlier == key) {
            return Err(given.invalid("entry", "has a key that another has already"));
        }
        arguments.push((key, value));
    }
    if arguments.len() > ARGUMENTS_MAX {
        return Err(given.invalid("entry", format_args!("must not be given more than {ARGUMENTS_MAX} times")));
    }
    given.finish()?;
    Ok(arguments)
}

fn read_argument(mut entry: Fields<'_>) -> Result<(String, String), S3ControlError> {
    let key = entry.filled("key")?;
    let key = entry.required("key", key)?;
    let value = entry.text("value")?.unwrap_or_default();
    for (name, text, chars_max) in [("key", key, KEY_CHARS_MAX), ("value", value, VALUE_CHARS_MAX)] {
        if text.chars().count() > chars_max {
            return Err(entry.invalid(name, format_args!("must not be longer than {chars_max} characters")));
        }
    }
    entry.finish()?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Writes the element's children.
pub(super) fn write(writer: &mut Writer, invoke: &Invoke) {
    writer.leaf("FunctionArn", &invoke.function);
    writer.leaf("InvocationSchemaVersion", invoke.schema.name());
    if !invoke.arguments.is_empty() {
        writer.within("UserArguments", |w| {
            for (key, value) in &invoke.arguments {
                w.within("entry", |w| {
                    w.leaf("key", key);
                    w.leaf("value", value);
                });
            }
        });
    }
}
