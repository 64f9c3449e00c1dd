//! Enumerations that the service may extend: a value nobody knew when this was written is kept as it came.
//! The service takes its words in any case, so they are read in any case.

macro_rules! extensible {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
            /// A value that was not known when this was written.
            Other(String),
        }

        impl $name {
            /// The service's word.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => stringify!($variant),)+
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                $(if text.eq_ignore_ascii_case(stringify!($variant)) {
                    return Self::$variant;
                })+
                Self::Other(text.to_owned())
            }
        }

        /// What an answer is taken to say that says nothing.
        impl Default for $name {
            fn default() -> Self {
                Self::Other(String::new())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(|text| Self::from(text.as_str()))
            }
        }
    };
}

pub(crate) use extensible;

#[cfg(test)]
mod tests {
    extensible! { Word { One, TwoWords } }

    #[test]
    fn words_are_read_in_any_case_and_others_are_kept() {
        for text in ["TwoWords", "twowords", "TWOWORDS"] {
            assert_eq!(Word::from(text), Word::TwoWords);
            assert_eq!(serde_json::from_value::<Word>(text.into()).unwrap().as_str(), "TwoWords");
        }
        assert_eq!(Word::from("threeWords"), Word::Other("threeWords".to_owned()));
        assert_eq!(serde_json::to_value(Word::from("threeWords")).unwrap(), "threeWords");
        assert_ne!(Word::from("One"), Word::default());
    }
}
