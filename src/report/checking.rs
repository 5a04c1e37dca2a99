//! The signature, and how anybody checks it.

use super::document::Block;
use super::embedded::ATTACHMENT;
use super::{Material, Place};

/// What was signed, by whom, and the commands that check it.
pub(super) fn checking<'a>(material: &Material<'a>) -> Vec<Block<'a>> {
    let (statement, links) = (material.statement, material.links);
    let at = |path: &str| match links.place {
        Place::Service => format!("{path} at the service"),
        Place::Folder => format!("{path} beside this report"),
    };
    vec![
        Block::Paragraph(
            "Framewitness signed a statement with a private key. It names the file by its SHA-256 \
             and size, every model by its digest, the frames that were looked at, the settings, the \
             verdict and its probability. Who changes any of these breaks the signature. The pictures \
             and the wording of this report are not signed: make the analysis again to see them."
                .into(),
        ),
        Block::Facts(vec![
            ("Key", statement.key_id.clone()),
            ("Form", "JWS, compact, PS256 (RSASSA-PSS, SHA-256)".into()),
            ("Public keys", at(&links.public_keys)),
            ("Statement", at(&links.statement)),
            ("As JSON", at(&links.json)),
            ("Scores as a table", at(&links.csv)),
        ]),
        Block::Paragraph(format!(
            "Whether the file is the one: this must print {}.",
            material.analysis.sha256
        )),
        Block::Commands(vec!["sha256sum FILE".into()]),
        Block::Paragraph(
            "Whether the same comes out again. REPORT is this page or PDF as it was saved, or the \
             bare statement; the models and settings must be the stated ones, and the command says \
             which are not. It ends with 0 (the same), 1 (not the same) or 2 (could not be tried)."
                .into(),
        ),
        Block::Commands(vec!["framewitness replay REPORT FILE --key public.pem".into()]),
        Block::Paragraph(without_framewitness(links.place)),
        Block::Commands(commands(material)),
        Block::Paragraph("The statement:".into()),
        Block::Verbatim(&statement.token),
    ]
}

fn without_framewitness(place: Place) -> String {
    let key = match place {
        Place::Service => "SERVICE is the address of the service, whose public key you should have",
        Place::Folder => "public.pem is the public key of whoever made the report; have it",
    };
    format!(
        "Whether the signature holds, without Framewitness. {key} from a source that you trust; the \
         statement is also attached to the PDF as {ATTACHMENT}. The last line shows what was signed."
    )
}

fn commands(material: &Material<'_>) -> Vec<String> {
    let (statement, key) = (&material.links.statement, &material.links.public_key_pem);
    let fetching = match material.links.place {
        Place::Folder => Vec::new(),
        Place::Service => vec![
            format!("curl -s SERVICE{statement} -o {ATTACHMENT}"),
            format!("curl -s 'SERVICE{key}' -o public.pem"),
        ],
    };
    let checking = [
        format!("cut -d. -f1,2 {ATTACHMENT} | tr -d '\\n' > signed.txt"),
        format!("cut -d. -f3 {ATTACHMENT} | tr '_-' '/+' | base64 -d > signature.bin"),
        "openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 \
         -verify public.pem -signature signature.bin signed.txt"
            .into(),
        format!("cut -d. -f2 {ATTACHMENT} | tr '_-' '/+' | base64 -di 2>/dev/null"),
    ];
    fetching.into_iter().chain(checking).collect()
}
