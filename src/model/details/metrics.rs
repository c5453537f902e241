//! Makes groups of fields of which there are many alike.

/// The fields of one group: an enumeration, and for each variant its row of the registry.
///
/// `Variant "name" [aliases] "member of the JSON object" Unit "one line";`
macro_rules! metrics {
    (
        $(#[$about:meta])*
        $group:ident in $object:literal as $rows:ident, $wrap:ident, from $source:literal, read by $read:ident;
        $($id:ident $name:literal $aliases:tt $member:literal $needs:ident $unit:ident $doc:literal;)*
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[allow(missing_docs, reason = "each is described by its row in FIELDS")]
        pub enum $group {
            $($id,)*
        }

        impl $group {
            /// All of them, in the order of the kernel's header.
            pub const ALL: &'static [Self] = &[$(Self::$id,)*];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$id => $name,)*
                }
            }

            /// Its name as the heading of a column.
            #[must_use]
            pub const fn heading(self) -> &'static str {
                match self {
                    $(Self::$id => {
                        const UPPER: [u8; $name.len()] = super::metrics::upper($name);
                        match str::from_utf8(&UPPER) {
                            Ok(heading) => heading,
                            Err(_) => $name,
                        }
                    })*
                }
            }

            /// Its member in the JSON object of its group, as `,"name":`.
            #[must_use]
            pub const fn json_member(self) -> &'static str {
                match self {
                    $(Self::$id => concat!(",\"", $member, "\":"),)*
                }
            }

            /// Its value for a socket.
            #[must_use]
            pub fn value(self, row: crate::model::Row<'_>) -> crate::model::Value<'_> {
                $read(row, self)
            }

            /// What it is counted in.
            #[must_use]
            pub const fn unit(self) -> crate::model::Unit {
                match self {
                    $(Self::$id => crate::model::Unit::$unit,)*
                }
            }
        }

        pub(in crate::model) const $rows: &[crate::model::Field] = &[
            $(crate::model::Field {
                id: crate::model::FieldId::$wrap($group::$id),
                name: $name,
                aliases: &$aliases,
                json: concat!($object, $member),
                doc: $doc,
                needs_owners: false,
                needs_details: crate::model::DetailSet::$needs,
                unit: crate::model::Unit::$unit,
                source: $source,
                extract: |row| $read(row, $group::$id),
            },)*
        ];
    };
}

pub(super) use metrics;

/// A name in upper case, at compile time.
pub(super) const fn upper<const N: usize>(name: &str) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(name.as_bytes());
    bytes.make_ascii_uppercase();
    bytes
}
