// What a reason means for the person who asked, and what would help.

const ADVICE = {
  "no-face": "Send a piece in which a face is seen from the front, unobstructed and not too far away.",
  "face-too-small": "A larger copy helps: the original file instead of one that a messenger made smaller, or a part in which the face is nearer.",
  "face-too-blurred": "A sharper copy helps: the original instead of a recording of a screen, or a part with less motion.",
  "too-few-frames": "A longer piece helps, one in which the face stays in the picture for some seconds.",
  "unlike-training-data": "The models never learned from faces like this one: drawings, heavy filters, masks, unusual light. Another recording of the same scene may be judged better.",
  "models-disagree": "One model sees traces that the other does not. Look at the frames with the highest scores, and try the original file.",
  unstable: "The answer changes with small changes of the picture, so it is none. Try the original file, before anybody compressed or cut it.",
  "between-thresholds": "The models are not sure enough either way. A better or longer copy may settle it; otherwise other evidence must: who published it first, where, and what else was filmed there.",
  "no-frame-model": "The models in use judge motion. Send the video that this picture comes from.",
  "broken-tail": "The file seems to be cut off. Fetch it again and send the whole.",
  "damaged-packets": "Parts of the file do not decode. Fetch it again, or send the original.",
  "people-not-scored": "Others in the picture were too small, blurred or brief. A piece that shows one of them larger would be judged.",
};

/** The sentences for `reasons` that have one, each once. */
export function adviceFor(reasons) {
  return [...new Set(reasons.map((reason) => ADVICE[reason.code]).filter(Boolean))];
}
