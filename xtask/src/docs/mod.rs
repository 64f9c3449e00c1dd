//! `cargo xtask docs`: the provider's documentation in the layout of the Registry, from its schema and `examples/`.
//!
//! What is said about an attribute is said on its field in the model. An example is a file that a CLI can read; a type
//! without one has no page, and the task fails. Pages are laid out as terraform-plugin-docs lays them out.

mod examples;
mod page;
mod schema;

use std::path::{Path, PathBuf};

use tfplugin::{Described, DescribedFunction, Description, Kind};

use self::examples::Examples;
use self::page::Page;
use crate::generated::{Generated, Result};

/// # Errors
/// A type without its examples, or examples without their type.
pub fn generate(root: &Path) -> Result<Generated> {
    render(&fabricmirror::provider().describe(), &Examples::new(root.join("examples")))
}

fn render(provider: &Description, examples: &Examples) -> Result<Generated> {
    examples.check_strays(provider)?;
    let folders = Place::ALL.map(|place| Path::new("docs").join(place.folder()));
    let mut generated = Generated { task: "make docs", folders: folders.to_vec(), ..Generated::default() };
    let mut add = |path: PathBuf, page: Page| generated.files.insert(Path::new("docs").join(path), page.text());
    add("index.md".into(), index(provider, examples)?);
    for described in &provider.types {
        let place = Place::of(described.kind);
        add(place.page(described.name), type_page(provider.name, described, place, examples)?);
    }
    for function in &provider.functions {
        add(Place::Functions.page(function.name), function_page(provider.name, function, examples)?);
    }
    Ok(generated)
}

/// Where pages and examples of a kind lie.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Resources,
    DataSources,
    Ephemerals,
    Functions,
}

impl Place {
    const ALL: [Self; 4] = [Self::Resources, Self::DataSources, Self::Ephemerals, Self::Functions];

    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Resource => Self::Resources,
            Kind::DataSource => Self::DataSources,
            Kind::Ephemeral => Self::Ephemerals,
        }
    }

    /// The folder's name under `docs/` and `examples/`.
    fn folder(self) -> &'static str {
        match self {
            Self::Resources => "resources",
            Self::DataSources => "data-sources",
            Self::Ephemerals => "ephemeral-resources",
            Self::Functions => "functions",
        }
    }

    /// As a page's title says it.
    fn title(self) -> &'static str {
        match self {
            Self::Resources => "Resource",
            Self::DataSources => "Data Source",
            Self::Ephemerals => "Ephemeral Resource",
            Self::Functions => "function",
        }
    }

    /// The file that every example of this kind has.
    fn example(self) -> &'static str {
        match self {
            Self::Resources => "resource.tf",
            Self::DataSources => "data-source.tf",
            Self::Ephemerals => "ephemeral-resource.tf",
            Self::Functions => "function.tf",
        }
    }

    fn page(self, name: &str) -> PathBuf {
        Path::new(self.folder()).join(format!("{name}.md"))
    }
}

fn index(provider: &Description, examples: &Examples) -> Result<Page> {
    let name = provider.name;
    let mut page = Page::new(&format!("{name} Provider"), provider.description);
    page.heading(1, &format!("{name} Provider"));
    page.paragraph(provider.description);
    page.heading(2, "Example Usage");
    page.code("terraform", &examples.provider()?);
    schema::write(&mut page, &provider.attributes);
    Ok(page)
}

fn type_page(provider: &str, described: &Described, place: Place, examples: &Examples) -> Result<Page> {
    let name = format!("{provider}_{}", described.name);
    let mut page = Page::new(&format!("{name} {} - {provider}", place.title()), described.description);
    page.heading(1, &format!("{name} ({})", place.title()));
    page.paragraph(described.description);
    page.heading(2, "Example Usage");
    page.code("terraform", &examples.of(place, &name, place.example())?);
    schema::write(&mut page, &described.attributes);
    if place == Place::Resources {
        page.heading(2, "Import");
        page.paragraph("With an [`import` block](https://developer.hashicorp.com/terraform/language/import):");
        page.code("terraform", &examples.of(place, &name, "import-by-string-id.tf")?);
        page.paragraph("With the [command `import`](https://developer.hashicorp.com/terraform/cli/commands/import):");
        page.code("shell", &examples.of(place, &name, "import.sh")?);
    }
    Ok(page)
}

fn function_page(provider: &str, function: &DescribedFunction, examples: &Examples) -> Result<Page> {
    let place = Place::Functions;
    let mut page = Page::new(&format!("{} {} - {provider}", function.name, place.title()), function.summary);
    page.heading(1, &format!("{}: {}", place.title(), function.name));
    page.paragraph(function.description);
    page.heading(2, "Example Usage");
    page.code("terraform", &examples.of(place, function.name, place.example())?);
    page.heading(2, "Signature");
    let parameters: Vec<String> =
        function.parameters.iter().map(|it| format!("{} {}", it.name, schema::type_in_signature(&it.ty))).collect();
    let output = schema::type_in_signature(&function.output);
    page.code("text", &format!("{}({}) {output}\n", function.name, parameters.join(", ")));
    if !function.parameters.is_empty() {
        page.heading(2, "Arguments");
        let arguments = function.parameters.iter().enumerate().map(|(index, it)| {
            page::item(
                &format!("{}.", index + 1),
                &format!("`{}` ({})", it.name, schema::type_name(&it.ty)),
                &it.description,
            )
        });
        page.list(arguments.collect());
        schema::write_objects(&mut page, function.parameters.iter().map(|it| (it.name, &it.ty)));
    }
    if function.output.nested().is_some() {
        page.heading(2, "Result");
        schema::write_objects(&mut page, [("result", &function.output)]);
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_docs_are_what_schema_and_examples_give() {
        let root = crate::root();
        if let Err(differences) = generate(&root).unwrap().check(&root) {
            panic!("{differences}");
        }
    }

    #[test]
    fn a_type_without_an_example_is_an_error_that_names_the_file() {
        let empty = tempfile::tempdir().unwrap();
        let provider = fabricmirror::provider().describe();
        let files = Examples::new(empty.path().to_owned());
        let error = |result: Result<Page>| result.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error(index(&provider, &files)).contains("provider/provider.tf"));
        for described in &provider.types {
            let place = Place::of(described.kind);
            let expected = format!("{}/fabricmirror_{}/{}", place.folder(), described.name, place.example());
            let said = error(type_page(provider.name, described, place, &files));
            assert!(said.contains(&expected), "{said}");
        }
        let said = error(function_page(provider.name, &provider.functions[0], &files));
        assert!(said.contains("functions/"), "{said}");
    }

    #[test]
    fn an_example_of_no_type_is_an_error() {
        let examples = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(examples.path().join("resources/fabricmirror_lgoin")).unwrap();
        let error = Examples::new(examples.path().to_owned()).check_strays(&fabricmirror::provider().describe());
        assert!(error.unwrap_err().to_string().contains("fabricmirror_lgoin"));
    }
}
